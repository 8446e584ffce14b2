//! The command line of `karat-agent`: small, without a parser of its own size.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Exit;
use super::report::{self, Style};
use crate::appraise::{Explanation, Finding, Listed, Target, Verdict, Verification, appraise};
use crate::limits;
use crate::manifest::RESERVED;
use crate::path::{Escaped, ImagePath};
use crate::sys::fs::{self, IoError};
use crate::sys::material::{self, ENVELOPE_SUFFIX};
use crate::sys::scan::{Scan, scan};
use crate::sys::{cpu, env};

const USAGE: &str = "\
karat-agent proves that this instance still is what was signed.

usage: karat-agent verify --root DIR --baseline X.dsse.json [--trust FILE] [--json] [--explain PATH]
       karat-agent version

  --root DIR       the directory tree to check
  --baseline FILE  the signed envelope; X.mtree and X.expect.json lie beside it, or, where neither
                   does, in DIR/usr/lib/karat/baseline (their digests are signed)
  --trust FILE     the trust root [default: /usr/lib/karat/trust.json]
  --json           print one JSON document instead of text
  --explain PATH   tell all about one path of the image

exit codes: 0 match · 10 drift · 11 untrusted · 12 rollback · 13 incomplete · 1 failed · 2 usage
";

/// The trust root that an image carries, for its own verifier.
const OWN_TRUST: &str = "/usr/lib/karat/trust.json";

/// Runs `karat-agent`.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let exit = match verb.as_bytes() {
        b"verify" => match Options::parse(arguments) {
            Ok(options) => run(&options),
            Err(Wrong::Help) => {
                print(std::io::stdout(), USAGE);
                Exit::Ok
            }
            Err(Wrong::Usage(message)) => usage(&message),
        },
        b"version" | b"--version" => {
            print(
                std::io::stdout(),
                concat!("karat-agent ", env!("CARGO_PKG_VERSION"), "\n"),
            );
            Exit::Ok
        }
        b"help" | b"--help" | b"-h" => {
            print(std::io::stdout(), USAGE);
            Exit::Ok
        }
        b"" => usage("what to do: verify or version"),
        other => usage(&format!("there is no command {}", Escaped(other))),
    };
    exit.into()
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    root: PathBuf,
    baseline: PathBuf,
    trust: Option<PathBuf>,
    json: bool,
    explain: Option<ImagePath>,
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Help,
    Usage(String),
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, Wrong> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next() {
            let bytes = argument.as_bytes();
            let (name, inline) = match bytes.iter().position(|byte| *byte == b'=') {
                Some(position) if bytes.starts_with(b"--") => {
                    let (name, value) = bytes.split_at(position);
                    (
                        name,
                        value.get(1..).map(OsStr::from_bytes).map(OsStr::to_owned),
                    )
                }
                _ => (bytes, None),
            };
            let flag = Escaped(name).to_string();
            let mut value = || {
                inline
                    .clone()
                    .or_else(|| arguments.next())
                    .filter(|value| !value.is_empty())
                    .ok_or_else(|| Wrong::Usage(format!("{flag} needs a value")))
            };
            match name {
                b"--root" => options.root = value()?.into(),
                b"--baseline" => options.baseline = value()?.into(),
                b"--trust" => options.trust = Some(value()?.into()),
                b"--explain" => {
                    let path = ImagePath::parse(value()?.as_bytes())
                        .map_err(|error| Wrong::Usage(format!("--explain: {error}")))?;
                    options.explain = Some(path);
                }
                b"--json" if inline.is_none() => options.json = true,
                b"--help" | b"-h" => return Err(Wrong::Help),
                _ => return Err(Wrong::Usage(format!("there is no option {flag}"))),
            }
        }
        for (value, name) in [(&options.root, "--root"), (&options.baseline, "--baseline")] {
            if value.as_os_str().is_empty() {
                return Err(Wrong::Usage(format!("{name} is needed")));
            }
        }
        Ok(options)
    }
}

fn run(options: &Options) -> Exit {
    let Some(stem) = material::without_suffix(&options.baseline, ENVELOPE_SUFFIX) else {
        return usage(&format!("--baseline: its name ends with {ENVELOPE_SUFFIX}"));
    };
    match verify(options, &stem) {
        Ok(verification) => {
            let text = if options.json {
                serde_json::to_string_pretty(&report::document(&verification))
                    .map(|text| text + "\n")
                    .unwrap_or_default()
            } else {
                let is_colourful = std::io::stdout().is_terminal() && env::os("NO_COLOR").is_none();
                let style = if is_colourful {
                    Style::Colour
                } else {
                    Style::Plain
                };
                report::text(&verification, style)
            };
            print(std::io::stdout(), &text);
            verification.verdict().into()
        }
        Err(error) => {
            print(std::io::stderr(), &format!("karat-agent: {error}\n"));
            Exit::Failed
        }
    }
}

fn verify(options: &Options, stem: &Path) -> Result<Verification, IoError> {
    let trust = options.trust.clone().unwrap_or_else(|| OWN_TRUST.into());
    refuse_inside(&trust, &options.root)?;
    let mut material = material::read(stem, &trust)?;
    if material.manifest.bytes.is_none() && material.expectations.bytes.is_none() {
        // The image's own copies: their digests are signed, so that it does not matter who kept
        // them.
        let [manifest, expectations] = RESERVED.map(|path| {
            let relative = path.trim_start_matches('/');
            options.root.join(relative)
        });
        material.manifest = material::neighbour(&manifest, limits::MANIFEST_MAX)?;
        material.expectations = material::neighbour(&expectations, limits::EXPECTATIONS_MAX)?;
    }
    let opened = material.open();
    drop(material);
    let mut verification = Verification {
        target: Target {
            kind: "root",
            path: Escaped(options.root.as_os_str().as_bytes()).to_string(),
        },
        baseline: opened.facts,
        findings: opened.findings,
        artefact: None,
        report: None,
        explanation: None,
    };
    if options.trust.is_none() {
        verification.findings.push(Finding {
            verdict: Verdict::Match,
            message: "assurance: self; the trust root is the one that this machine carries"
                .to_owned(),
            hint: None,
        });
    }
    if let Some((manifest, expectations)) = &opened.expected {
        let evidence = scan(&options.root, &Scan::new(&Listed(manifest), cpu::count()))?;
        let report = appraise(manifest, expectations, &evidence);
        verification.explanation = options
            .explain
            .clone()
            .map(|path| Explanation::of(path, manifest, expectations, &evidence, &report));
        verification.report = Some(report);
    }
    Ok(verification)
}

/// A trust root never comes out of the tree that is checked; but for `/`, whose verifier is no
/// stranger to it either, and says so.
fn refuse_inside(trust: &Path, root: &Path) -> Result<(), IoError> {
    let (inside, root) = (fs::absolute(trust)?, fs::absolute(root)?);
    if root != Path::new("/") && inside.starts_with(&root) {
        let why = "a trust root inside of the tree that is being checked could be replaced by \
                   whoever tampered with that; give --trust a copy from elsewhere";
        return Err(IoError::new("use", trust, std::io::Error::other(why)));
    }
    Ok(())
}

fn usage(message: &str) -> Exit {
    print(
        std::io::stderr(),
        &format!("karat-agent: {message}\n'karat-agent --help' tells how\n"),
    );
    Exit::Usage
}

/// Prints; a closed pipe is no error, the reader has seen enough.
fn print(mut to: impl std::io::Write, text: &str) {
    drop(to.write_all(text.as_bytes()).and_then(|()| to.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Wrong> {
        Options::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn options_with_and_without_equals() {
        let options = Options {
            root: "/r".into(),
            baseline: "x.dsse.json".into(),
            trust: Some("t".into()),
            json: true,
            explain: ImagePath::parse("/etc").ok(),
        };
        assert_eq!(
            parse(&[
                "--root=/r",
                "--baseline",
                "x.dsse.json",
                "--trust=t",
                "--json",
                "--explain=/etc"
            ]),
            Ok(options)
        );
    }

    #[test]
    fn wrong_options_are_told() {
        let usage = |text: &str| Err(Wrong::Usage(text.to_owned()));
        assert_eq!(parse(&[]), usage("--root is needed"));
        assert_eq!(parse(&["--root"]), usage("--root needs a value"));
        assert_eq!(parse(&["--root="]), usage("--root needs a value"));
        assert_eq!(parse(&["--root=/"]), usage("--baseline is needed"));
        assert_eq!(parse(&["--json=1"]), usage("there is no option --json"));
        assert_eq!(parse(&["--tar", "x"]), usage("there is no option --tar"));
        assert_eq!(parse(&["--help"]), Err(Wrong::Help));
    }
}
