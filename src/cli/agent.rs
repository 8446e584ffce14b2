//! The command line of `karat-agent`: small, without a parser of its own size.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use super::Exit;
use super::report::{self, Detail, Format, Output, Outputs, Style};
use crate::appraise::{
    Explanation, Finding, Listed, Nonce, Target, Verdict, Verification, appraise, groups,
};
use crate::limits;
use crate::manifest::RESERVED;
use crate::path::{Escaped, ImagePath};
use crate::sys::fs::IoError;
use crate::sys::material::{self, ENVELOPE_SUFFIX};
use crate::sys::scan::{Scan, scan};
use crate::sys::{clock, cpu, env};

const USAGE: &str = "\
karat-agent proves that this instance still is what was signed.

usage: karat-agent verify --root DIR --baseline X.dsse.json [--trust FILE] [OPTIONS]
       karat-agent version

  --root DIR       the directory tree to check
  --baseline FILE  the signed envelope; X.mtree and X.expect.json lie beside it, or, where neither
                   does, in DIR/usr/lib/karat/baseline (their digests are signed)
  --trust FILE     the trust root [default: /usr/lib/karat/trust.json]
  --json           print one JSON document instead of text
  --explain PATH   tell all about one path of the image
  --verbose        show every path
  --nonce HEX      16 to 64 bytes that the report answers: its digest then stands for them too
  --report FORMAT=FILE    write a further report: canonical, json or prometheus; - is standard output
  --report journal[=SOCKET]    send it to systemd's journal

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
    verbose: bool,
    explain: Option<ImagePath>,
    nonce: Option<Nonce>,
    reports: Outputs,
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Help,
    Usage(String),
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Self, Wrong> {
        let mut options = Self::default();
        let mut reports = Vec::new();
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
                b"--report" => {
                    let output = Output::parse(&value()?, Format::OF_AGENT);
                    reports.push(output.map_err(Wrong::of("--report"))?);
                }
                b"--nonce" => {
                    let value = value()?;
                    let nonce = value.to_string_lossy().parse::<Nonce>();
                    let wrong = |error: crate::appraise::NonceError| error.to_string();
                    options.nonce = Some(nonce.map_err(wrong).map_err(Wrong::of("--nonce"))?);
                }
                b"--verbose" if inline.is_none() => options.verbose = true,
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
        options.reports = Outputs::new(reports, options.json).map_err(Wrong::of("--report"))?;
        Ok(options)
    }
}

impl Wrong {
    /// What is wrong with an option's value.
    fn of(option: &'static str) -> impl Fn(String) -> Self {
        move |error| Self::Usage(format!("{option}: {error}"))
    }
}

fn run(options: &Options) -> Exit {
    let Some(stem) = material::without_suffix(&options.baseline, ENVELOPE_SUFFIX) else {
        return usage(&format!("--baseline: its name ends with {ENVELOPE_SUFFIX}"));
    };
    let now = match clock::reported() {
        Ok(now) => now,
        Err(error) => return usage(&format!("SOURCE_DATE_EPOCH: {error}")),
    };
    match verify(options, &stem) {
        Ok(verification) => {
            let delivered = options.reports.deliver(&verification, now);
            if let (Err(error), true) = (&delivered, options.json) {
                return failed(error, true);
            }
            let text = if options.reports.take_stdout() {
                String::new()
            } else if options.json {
                report::json_text(&verification)
            } else {
                let is_colourful = std::io::stdout().is_terminal() && env::os("NO_COLOR").is_none();
                let style = if is_colourful {
                    Style::Colour
                } else {
                    Style::Plain
                };
                let detail = if options.verbose {
                    Detail::Full
                } else {
                    Detail::Short
                };
                report::text(&verification, style, detail)
            };
            print(std::io::stdout(), &text);
            match delivered {
                Ok(()) => verification.verdict().into(),
                Err(error) => failed(&error, false),
            }
        }
        Err(error) => failed(&error, options.json),
    }
}

/// Says why it failed; where JSON was asked for, as a document too: that of karat's failures.
fn failed(error: &IoError, json: bool) -> Exit {
    if json {
        let document = serde_json::json!({
            "error": {
                "exit_code": Exit::Failed.code(),
                "message": error.to_string(),
                "next": null,
            }
        });
        print(std::io::stdout(), &format!("{document:#}\n"));
    }
    print(std::io::stderr(), &format!("karat-agent: {error}\n"));
    Exit::Failed
}

fn verify(options: &Options, stem: &std::path::Path) -> Result<Verification, IoError> {
    let trust = options.trust.clone().unwrap_or_else(|| OWN_TRUST.into());
    let mut material = material::read(stem, &trust)?;
    if material.manifest.bytes.is_none() && material.expectations.bytes.is_none() {
        // The image's own copies: their digests are signed, so that it does not matter who kept
        // them.
        let [manifest, expectations] = RESERVED.map(|path| {
            let relative = path.trim_start_matches('/');
            options.root.join(relative)
        });
        material.manifest = material::manifest(&manifest)?;
        material.expectations = material::neighbour(&expectations, limits::EXPECTATIONS_MAX)?;
    }
    let inputs = material.inputs();
    let opened = material.open();
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
        inputs,
        nonce: options.nonce.clone(),
        groups: Vec::new(),
        lines: std::collections::BTreeMap::new(),
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
        verification.groups = groups(&report.drifts, None, None);
        verification.report = Some(report);
    }
    Ok(verification)
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
        let journal = Output::parse(OsStr::new("journal"), Format::OF_AGENT);
        let options = Options {
            root: "/r".into(),
            baseline: "x.dsse.json".into(),
            trust: Some("t".into()),
            json: true,
            verbose: true,
            nonce: "00".repeat(16).parse().ok(),
            explain: ImagePath::parse("/etc").ok(),
            reports: Outputs::new(vec![journal.unwrap()], true).unwrap(),
        };
        assert_eq!(
            parse(&[
                "--root=/r",
                "--baseline",
                "x.dsse.json",
                "--trust=t",
                "--json",
                "--explain=/etc",
                "--report=journal",
                "--verbose",
                "--nonce=00000000000000000000000000000000"
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
        let report = parse(&["--report", "sarif=x"]).unwrap_err();
        assert!(matches!(report, Wrong::Usage(text) if text.starts_with("--report: there is no")));
        assert_eq!(parse(&["--help"]), Err(Wrong::Help));
    }
}
