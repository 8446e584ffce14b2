//! The command line of `karat-agent`: small, without a parser of its own size.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::Exit;
use super::bless;
use super::init;
use super::instance::{self, Fault};
use super::journal;
use super::peers;
use super::report::{self, Detail, Format, Output, Outputs, Style};
use super::stdout;
use crate::appraise::{Expiry, Nonce, Verification};
use crate::baseline::ImageName;
use crate::boot::Timings;
use crate::expect::Expectations;
use crate::limits;
use crate::path::{Escaped, ImagePath};
use crate::sys::facts;
use crate::sys::fs::{self, IoError};
use crate::sys::{clock, env};

const USAGE: &str = "\
karat-agent proves that this instance still is what was signed.

usage: karat-agent verify [--root DIR | --disk FILE] [--baseline X.dsse.json] [--image NAME]
                          [--trust FILE] [OPTIONS]
       karat-agent bless [--verdict FILE] [--state DIR] [--journal]
       karat-agent facts [--json]
       karat-agent init
       karat-agent peers apply [--state DIR] [--journal]
       karat-agent version

verify checks a directory tree against its signed baseline:
  --root DIR       the tree [default: /, this machine itself]
  --disk FILE      a raw disk or a block device instead, as it lies: all but the trust root is on it
  --baseline FILE  the signed envelope; X.mtree and X.expect.json lie beside it, or, where neither
                   does, in DIR/usr/lib/karat/baseline (their digests are signed) [default: of those
                   in DIR/var/lib/karat/baseline the newest that is trusted and names the manifest
                   in DIR]
  --image NAME     the image that is expected [default for /: what /usr/lib/karat/policy.json says]
  --trust FILE     the pinned trust root; trust/N.json beside the envelope are followed from there
                   [default: /usr/lib/karat/trust.json]
  --expiry WORD    once something has expired: enforce, warn or ignore [default: the policy's, warn]
  --state DIR      what was remembered of boots before [default for /: /var/lib/karat/state]
  --verdict FILE   write the report there too, as JSON
  --journal        print the report to standard error, each line with its priority (sd-daemon(3))
  --json           print one JSON document instead of text
  --explain PATH   tell all about one path of the image
  --max-bytes N    read no more bytes of files, the smallest first; others are not checked
  --max-time SECONDS    look at the tree no longer; what is left is not checked
  --verbose        show every path
  --nonce HEX      16 to 64 bytes that the report answers: its digest then stands for them too
  --report FORMAT=FILE    write a further report: canonical, json or prometheus; - is standard output
  --report journal[=SOCKET]    send it to systemd's journal

bless remembers what this boot was verified as; nothing older is accepted from then on:
  --verdict FILE   the report of this boot [default: /run/karat/verdict.json]
  --state DIR      where it is remembered [default: /var/lib/karat/state]

peers apply fills the sets of the packet filter that hold the addresses of other segments, by
/var/lib/karat/peers/SEGMENT.dsse.json, which keys of the role fleet sign; without it they become empty.

init is what the first process of a disk image's initrd does: it checks what was signed, has the kernel
check the root as it is read, and goes over to it, or ends the boot as /boot.json says.

facts shows what the running system says of itself: kernel, modules, mounts, listening sockets, units,
and the kernel settings that the image's own expectations name. It judges nothing.

examples:
  karat-agent verify                                   this machine, by what was delivered to it
  karat-agent verify --root /mnt --baseline web_1.dsse.json --trust trust.json
  karat-agent verify --disk web_1.raw --trust trust.json --json

exit codes: 0 match · 10 drift · 11 untrusted · 12 rollback · 13 incomplete · 1 failed · 2 usage
";

/// The expectations that an image carries.
const OWN_EXPECTATIONS: &str = "/usr/lib/karat/baseline/expect.json";

/// Runs `karat-agent`.
pub fn main() -> ExitCode {
    let mut arguments = std::env::args_os();
    let is_init = init::is_asked(arguments.next().as_deref());
    let verb = if is_init {
        "init".into()
    } else {
        arguments.next().unwrap_or_default()
    };
    let exit = match verb.as_bytes() {
        b"verify" => with(Options::parse(arguments, Verb::Verify), run),
        b"bless" => with(Options::parse(arguments, Verb::Bless), bless_now),
        b"facts" => show_facts(arguments),
        b"init" => init::run().map_or_else(usage, |()| Exit::Ok),
        b"peers" => match arguments.next() {
            Some(word) if word == "apply" => with(Options::parse(arguments, Verb::Peers), apply),
            Some(word) if word == "--help" || word == "-h" => say(USAGE),
            _ => usage("what to do with peers: apply"),
        },
        b"version" | b"--version" => say(concat!("karat-agent ", env!("CARGO_PKG_VERSION"), "\n")),
        b"help" | b"--help" | b"-h" => say(USAGE),
        b"" => usage("what to do: verify, bless, facts, init, peers or version"),
        other => usage(&format!("there is no command {}", Escaped(other))),
    };
    exit.into()
}

fn with(options: Result<Options, Wrong>, run: impl FnOnce(&Options) -> Exit) -> Exit {
    match options {
        Ok(options) => run(&options),
        Err(Wrong::Help) => say(USAGE),
        Err(Wrong::Usage(message)) => usage(&message),
    }
}

/// What the command line says; what it leaves out is decided by [`instance`] and [`bless`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) root: Option<PathBuf>,
    pub(super) disk: Option<PathBuf>,
    pub(super) baseline: Option<PathBuf>,
    pub(super) image: Option<ImageName>,
    pub(super) trust: Option<PathBuf>,
    pub(super) expiry: Option<Expiry>,
    pub(super) state: Option<PathBuf>,
    pub(super) verdict: Option<PathBuf>,
    pub(super) explain: Option<ImagePath>,
    pub(super) max_bytes: Option<u64>,
    pub(super) max_time: Option<u64>,
    journal: bool,
    json: bool,
    verbose: bool,
    pub(super) nonce: Option<Nonce>,
    reports: Outputs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Bless,
    Peers,
    Verify,
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Help,
    Usage(String),
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = OsString>, verb: Verb) -> Result<Self, Wrong> {
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
                b"--state" => options.state = Some(value()?.into()),
                b"--verdict" => options.verdict = Some(value()?.into()),
                b"--journal" if inline.is_none() => options.journal = true,
                b"--help" | b"-h" => return Err(Wrong::Help),
                _ if verb != Verb::Verify => return Err(no_option(&flag)),
                b"--root" => options.root = Some(value()?.into()),
                b"--disk" => options.disk = Some(value()?.into()),
                b"--baseline" => options.baseline = Some(value()?.into()),
                b"--trust" => options.trust = Some(value()?.into()),
                b"--image" => options.image = Some(word(&flag, &value()?, ImageName::parse)?),
                b"--expiry" => options.expiry = Some(word(&flag, &value()?, str::parse)?),
                b"--explain" => {
                    let path = ImagePath::parse(value()?.as_bytes())
                        .map_err(|error| Wrong::Usage(format!("--explain: {error}")))?;
                    options.explain = Some(path);
                }
                b"--max-bytes" => options.max_bytes = Some(word(&flag, &value()?, whole)?),
                b"--max-time" => options.max_time = Some(word(&flag, &value()?, whole)?),
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
                _ => return Err(no_option(&flag)),
            }
        }
        options.reports = Outputs::new(reports, options.json).map_err(Wrong::of("--report"))?;
        Ok(options)
    }
}

impl Options {
    fn detail(&self) -> Detail {
        if self.verbose {
            Detail::Full
        } else {
            Detail::Short
        }
    }
}

impl Wrong {
    /// What is wrong with an option's value.
    fn of(option: &'static str) -> impl Fn(String) -> Self {
        move |error| Self::Usage(format!("{option}: {error}"))
    }
}

fn no_option(flag: &str) -> Wrong {
    Wrong::Usage(format!("there is no option {flag}"))
}

fn word<T, E: std::fmt::Display>(
    flag: &str,
    value: &OsStr,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, Wrong> {
    let text = String::from_utf8_lossy(value.as_bytes());
    parse(&text).map_err(|error| Wrong::Usage(format!("{flag}: {error}")))
}

fn whole(text: &str) -> Result<u64, &'static str> {
    text.parse().ok().ok_or("a whole number is wanted")
}

fn run(options: &Options) -> Exit {
    let verification = match instance::verify(options) {
        Ok(verification) => verification,
        Err(Fault::Usage(message)) => return usage(&message),
        Err(Fault::Io(error)) => return failed(options, &error),
    };
    let now = match clock::reported() {
        Ok(now) => now,
        Err(error) => return usage(&format!("SOURCE_DATE_EPOCH: {error}")),
    };
    let exit = Exit::from(verification.verdict());
    let written = match &options.verdict {
        Some(file) => write_verdict(file, &verification),
        None => Ok(()),
    };
    let delivered = options.reports.deliver(&verification, now);
    let written = written.and(delivered);
    if options.journal {
        let text = report::text(&verification, Style::Plain, options.detail());
        let text = journal::lines(verification.verdict(), &text);
        print(std::io::stderr(), &text);
        if options.verdict.as_deref() == Some(Path::new(bless::VERDICT)) {
            print(std::io::stderr(), &initrd().unwrap_or_default());
        }
    }
    if let (Err(error), true) = (&written, options.json) {
        // One document on standard output: that of the failure.
        return exit.and(failed(options, error));
    }
    let mut shown = Ok(());
    if options.json {
        shown = stdout::write(report::json_text(&verification).as_bytes());
    } else if !options.journal && !options.reports.take_stdout() {
        let is_colourful = std::io::stdout().is_terminal() && env::os("NO_COLOR").is_none();
        let style = if is_colourful {
            Style::Colour
        } else {
            Style::Plain
        };
        let text = report::text(&verification, style, options.detail());
        shown = stdout::write(text.as_bytes());
    }
    match written.and(shown) {
        Ok(()) => exit,
        Err(error) => exit.and(complain(options, &error)),
    }
}

/// What the initrd of this boot took, as it says itself; `None`: there was none of karat's. Nobody judges
/// by it.
fn initrd() -> Option<String> {
    let bytes = fs::read(Timings::PATH, limits::BOOT_REPORT_MAX).ok()?;
    let share = Timings::read(&bytes).ok()?.share()?;
    Some(journal::line(journal::INFO, &share.line()) + "\n")
}

fn bless_now(options: &Options) -> Exit {
    match bless::bless(options) {
        Ok(message) => tell(options, &message, Exit::Ok),
        Err(error) => failed(options, &error),
    }
}

fn apply(options: &Options) -> Exit {
    match peers::apply(options) {
        Ok((message, exit)) => tell(options, &message, exit),
        Err(Fault::Usage(message)) => usage(&message),
        Err(Fault::Io(error)) => failed(options, &error),
    }
}

/// Says what came of it, line by line.
fn tell(options: &Options, message: &str, exit: Exit) -> Exit {
    let mut told = Exit::Ok;
    let priority = if exit == Exit::Ok {
        journal::INFO
    } else {
        journal::ERROR
    };
    for text in message.lines() {
        if options.journal {
            print(std::io::stderr(), &(journal::line(priority, text) + "\n"));
        } else {
            told = told.and(say(&format!("{text}\n")));
        }
    }
    exit.and(told)
}

fn write_verdict(file: &Path, verification: &Verification) -> Result<(), IoError> {
    if let Some(parent) = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::make_dirs(parent, 0o755)?;
    }
    fs::write_atomic(file, report::json_text(verification).as_bytes(), 0o644)
}

/// Says why it failed; where JSON was asked for, as a document too: that of karat's failures.
fn failed(options: &Options, error: &dyn std::error::Error) -> Exit {
    if options.json {
        let document = serde_json::json!({
            "error": {
                "exit_code": Exit::Failed.code(),
                "message": error.to_string(),
                "next": null,
            }
        });
        say(&format!("{document:#}\n"));
    }
    complain(options, error)
}

/// Says why it failed, on standard error.
fn complain(options: &Options, error: &dyn std::error::Error) -> Exit {
    let message = format!("karat-agent: {error}\n");
    let message = if options.journal {
        journal::line(journal::ERROR, &message)
    } else {
        message
    };
    print(std::io::stderr(), &message);
    Exit::Failed
}

/// Prints what the running system shows; judges nothing.
fn show_facts(arguments: impl Iterator<Item = OsString>) -> Exit {
    let mut json = false;
    for argument in arguments {
        match argument.as_bytes() {
            b"--json" => json = true,
            b"--help" | b"-h" => return say(USAGE),
            other => return usage(&format!("there is no option {}", Escaped(other))),
        }
    }
    // They only say which of a thousand settings are worth showing, so that nobody has to have
    // signed them.
    let expectations = fs::read(OWN_EXPECTATIONS, limits::EXPECTATIONS_MAX)
        .ok()
        .and_then(|bytes| Expectations::parse(&bytes).ok())
        .unwrap_or_default();
    let names = expectations.facts().sysctl.iter();
    let observations = facts::observe(names.map(|entry| entry.name.clone()).collect());
    let text = if json {
        serde_json::to_string_pretty(&report::facts_document(&observations))
            .map(|text| text + "\n")
            .unwrap_or_default()
    } else {
        report::facts_text(&observations)
    };
    say(&text)
}

fn usage(message: &str) -> Exit {
    print(
        std::io::stderr(),
        &format!("karat-agent: {message}\n'karat-agent --help' tells how\n"),
    );
    Exit::Usage
}

/// Prints a result on standard output.
fn say(text: &str) -> Exit {
    match stdout::write(text.as_bytes()) {
        Ok(()) => Exit::Ok,
        Err(error) => complain(&Options::default(), &error),
    }
}

/// Prints to a console or a log, where it is received or is not.
pub(super) fn print(mut to: impl std::io::Write, text: &str) {
    drop(to.write_all(text.as_bytes()).and_then(|()| to.flush()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, Wrong> {
        Options::parse(arguments.iter().map(OsString::from), Verb::Verify)
    }

    #[test]
    fn options_with_and_without_equals() {
        let journal = Output::parse(OsStr::new("journal"), Format::OF_AGENT);
        let options = Options {
            root: Some("/r".into()),
            disk: Some("disk.raw".into()),
            baseline: Some("x.dsse.json".into()),
            trust: Some("t".into()),
            image: ImageName::parse("web").ok(),
            expiry: Some(Expiry::Enforce),
            state: Some("/s".into()),
            verdict: Some("v".into()),
            journal: true,
            json: true,
            verbose: true,
            nonce: "00".repeat(16).parse().ok(),
            explain: ImagePath::parse("/etc").ok(),
            max_bytes: Some(1 << 30),
            max_time: Some(60),
            reports: Outputs::new(vec![journal.unwrap()], true).unwrap(),
        };
        assert_eq!(
            parse(&[
                "--root=/r",
                "--disk",
                "disk.raw",
                "--baseline",
                "x.dsse.json",
                "--trust=t",
                "--image=web",
                "--expiry",
                "enforce",
                "--state=/s",
                "--verdict=v",
                "--journal",
                "--json",
                "--explain=/etc",
                "--max-bytes=1073741824",
                "--max-time",
                "60",
                "--report=journal",
                "--verbose",
                "--nonce=00000000000000000000000000000000"
            ]),
            Ok(options)
        );
        assert_eq!(parse(&[]), Ok(Options::default()));
    }

    #[test]
    fn wrong_options_are_told() {
        let usage = |text: &str| Err(Wrong::Usage(text.to_owned()));
        assert_eq!(parse(&["--root"]), usage("--root needs a value"));
        assert_eq!(parse(&["--root="]), usage("--root needs a value"));
        assert_eq!(parse(&["--json=1"]), usage("there is no option --json"));
        assert_eq!(parse(&["--tar", "x"]), usage("there is no option --tar"));
        let report = parse(&["--report", "sarif=x"]).unwrap_err();
        assert!(matches!(report, Wrong::Usage(text) if text.starts_with("--report: there is no")));
        assert_eq!(
            parse(&["--expiry", "never"]),
            usage("--expiry: what to do about expiry is enforce, warn or ignore")
        );
        assert!(parse(&["--image", "../x"]).is_err());
        assert!(parse(&["--max-time", "-1"]).is_err());
        assert!(parse(&["--max-bytes=1G"]).is_err());
        assert_eq!(parse(&["--help"]), Err(Wrong::Help));
        let bless =
            |arguments: &[&str]| Options::parse(arguments.iter().map(OsString::from), Verb::Bless);
        assert!(bless(&["--verdict=v", "--state", "s"]).is_ok());
        assert_eq!(bless(&["--root=/"]), usage("there is no option --root"));
    }
}
