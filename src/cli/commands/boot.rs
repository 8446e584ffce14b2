//! `karat boot`.

use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

use crate::appraise::Verdict;
use crate::boot::Share;
use crate::cli::Exit;
use crate::cli::console::{BAD, Console, DIM, GOOD, WARN, shown};
use crate::cli::failure::Failure;
use crate::cli::progress::ProgressArgs;
use crate::image::disk::Container;
use crate::ops::boot::{Accelerator, BootError, Checked, Machine, Settings, Times, Trouble};
use crate::path::Escaped;

/// Arguments of `karat boot`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  karat boot web_1.raw                      its console on this terminal; Ctrl-a x switches it off
  karat boot web_1.qcow2 --ssh 2222         and port 22 of it at 127.0.0.1:2222
  karat boot web_1.raw --check              0 only if it comes up, matches, and no unit failed

The image is never written: what the machine changes is forgotten. It has UEFI firmware, a TPM
where swtpm is installed, and a network that reaches nothing.

With --check: 0 match, up, no failed unit, and off again · 10 drift, a failed unit, or not off ·
11 untrusted · 12 rollback · 13 no verdict, or not up in time. What a machine says of itself is
no proof; docs/guides/boot.md says what is.")]
pub struct Args {
    /// The disk: raw, qcow2, fixed VHD, stream-optimised VMDK, or Google's tar.gz.
    image: PathBuf,

    /// What the file is: gcp, qcow2, raw, vhd or vmdk; else its magic numbers say so.
    #[arg(long, value_name = "CONTAINER")]
    from: Option<Container>,

    /// Wait for its verdict and until it is up, switch it off, and say how it went.
    #[arg(long)]
    check: bool,

    /// How long --check waits for verdict and boot, in seconds.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "300",
        requires = "check"
    )]
    timeout: NonZero<u32>,

    /// Memory, in MiB.
    #[arg(long, value_name = "MIB", default_value = "1024")]
    memory: NonZero<u32>,

    /// Processors.
    #[arg(long, value_name = "N", default_value = "2")]
    cpus: NonZero<u32>,

    /// What runs it; else KVM where a short probe shows that it works.
    #[arg(long, value_name = "HOW")]
    accelerator: Option<How>,

    /// Whether it gets a TPM; else it does where swtpm is installed.
    #[arg(long, value_name = "WHETHER")]
    tpm: Option<Whether>,

    /// Where OVMF's files are; else where distributions put them.
    #[arg(long, value_name = "DIR")]
    firmware: Option<PathBuf>,

    /// Make its port 22 reachable at this port of 127.0.0.1.
    #[arg(long, value_name = "PORT")]
    ssh: Option<NonZero<u16>>,

    #[command(flatten)]
    progress: ProgressArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum How {
    /// This machine's processor.
    Kvm,
    /// QEMU: anywhere, and slow.
    Tcg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Whether {
    Yes,
    No,
}

/// What `--check --json` prints: `docs/schemas/boot.schema.json`.
#[derive(Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a document for other programs, and no state"
)]
struct Document<'a> {
    image: String,
    accelerator: &'static str,
    tpm: bool,
    verdict: Option<&'static str>,
    initrd: Option<Initrd>,
    up: bool,
    off: bool,
    timed_out: bool,
    troubles: Vec<TroubleJson<'a>>,
    seconds: Seconds,
    console: Vec<String>,
    exit_code: u8,
}

/// What the initrd took, in seconds.
#[derive(Serialize)]
struct Initrd {
    took: f64,
    own: f64,
    kernel: f64,
}

#[derive(Serialize)]
struct TroubleJson<'a> {
    kind: &'static str,
    said: Option<&'a str>,
}

#[derive(Serialize)]
struct Seconds {
    console: Option<f64>,
    verdict: Option<f64>,
    up: Option<f64>,
    off: Option<f64>,
}

/// Runs `karat boot`.
pub fn run(args: &Args, console: &Console) -> Result<Exit, Failure> {
    if console.is_json() && !args.check {
        return Err(
            Failure::usage("--json is for --check: else the console is the machine's")
                .hint("add --check, or leave out --json"),
        );
    }
    let settings = Settings {
        from: args.from,
        memory: args.memory,
        processors: args.cpus,
        accelerator: args.accelerator.map(|how| match how {
            How::Kvm => Accelerator::Kvm,
            How::Tcg => Accelerator::Tcg,
        }),
        firmware: args.firmware.clone(),
        tpm: args.tpm.map(|whether| matches!(whether, Whether::Yes)),
        ssh: args.ssh.map(NonZero::get),
    };
    let progress = args.progress.listener(console.is_quiet())?;
    let machine = Machine::prepare(&args.image, settings, &progress)?;
    let tpm = if machine.has_tpm() { "a TPM" } else { "no TPM" };
    console.note(format_args!(
        "{DIM}a machine with {} MiB, {} processors ({}), {tpm}{DIM:#}",
        args.memory,
        args.cpus,
        machine.accelerator()
    ));
    if !args.check {
        let status = machine.show()?;
        return if status.success() {
            Ok(Exit::Ok)
        } else {
            Err(Failure::failed(&BootError::Start {
                program: "qemu-system-x86_64",
                source: std::io::Error::other(format!("it failed: {status}")),
            }))
        };
    }
    let checked = machine.check(Duration::from_secs(args.timeout.get().into()))?;
    let exit = exit(&checked);
    console.json(&Document {
        image: shown(&args.image),
        accelerator: machine.accelerator().name(),
        tpm: machine.has_tpm(),
        verdict: checked.verdict.map(Verdict::name),
        initrd: checked.initrd.map(Initrd::of),
        up: checked.is_up,
        off: checked.is_off,
        timed_out: checked.timed_out,
        troubles: checked.troubles.iter().map(trouble).collect(),
        seconds: Seconds::of(checked.times),
        console: checked.last_lines.iter().map(|line| plain(line)).collect(),
        exit_code: exit.code(),
    });
    if !console.is_json() {
        tell(&checked, exit, console);
    }
    Ok(exit)
}

/// The exit code of a check, by the contract that all commands keep.
fn exit(checked: &Checked) -> Exit {
    let verdict = checked.verdict.map_or(Exit::Incomplete, Exit::from);
    let up = if checked.is_up {
        Exit::Ok
    } else {
        Exit::Incomplete
    };
    let rest = if checked.troubles.is_empty() && (checked.is_off || !checked.is_up) {
        Exit::Ok
    } else {
        Exit::Drift
    };
    verdict.and(up).and(rest)
}

fn tell(checked: &Checked, exit: Exit, console: &Console) {
    let style = if exit == Exit::Ok { GOOD } else { BAD };
    let verdict = checked.verdict.map_or("no verdict", Verdict::name);
    console.line(format_args!(
        "{style}{}{style:#}{}",
        verdict.to_uppercase(),
        at(checked.times.verdict)
    ));
    if let Some(share) = checked.initrd {
        console.line(format_args!("  {}", share.line()));
    }
    let up = match (checked.is_up, checked.timed_out) {
        (true, _) => "up",
        (false, true) => "not up in time",
        (false, false) => "not up",
    };
    console.line(format_args!("  {up}{}", at(checked.times.up)));
    for each in &checked.troubles {
        let TroubleJson { kind, said } = trouble(each);
        let said = said.map_or_else(String::new, |said| format!(": {}", plain(said)));
        console.line(format_args!("  {BAD}{kind}{BAD:#}{said}"));
    }
    let off = match (checked.is_off, checked.is_up) {
        (true, _) => "off",
        (false, true) => "did not switch itself off",
        (false, false) => "was switched off",
    };
    console.line(format_args!("  {off}{}", at(checked.times.off)));
    if exit != Exit::Ok {
        console.line(format_args!("  {WARN}its last words:{WARN:#}"));
        for line in &checked.last_lines {
            console.line(format_args!("  {DIM}|{DIM:#} {}", plain(line)));
        }
    }
}

fn at(seconds: Option<f64>) -> String {
    seconds.map_or_else(String::new, |seconds| format!("  after {seconds:.1} s"))
}

fn trouble(trouble: &Trouble) -> TroubleJson<'_> {
    let (kind, said) = match trouble {
        Trouble::Emergency => ("emergency", None),
        Trouble::FailedUnit(said) => ("failed-unit", Some(said.as_str())),
        Trouble::Panic(said) => ("panic", Some(said.as_str())),
        Trouble::Refused(said) => ("refused", Some(said.as_str())),
        Trouble::Verity(said) => ("verity", Some(said.as_str())),
    };
    TroubleJson { kind, said }
}

/// Text of the machine's, without what would steer this terminal.
fn plain(text: &str) -> String {
    Escaped(text.as_bytes()).to_string()
}

impl Initrd {
    fn of(share: Share) -> Self {
        let seconds = |micros: u64| Duration::from_micros(micros).as_secs_f64();
        Self {
            took: seconds(share.took),
            own: seconds(share.own),
            kernel: seconds(share.kernel),
        }
    }
}

impl Seconds {
    /// Milliseconds are all that is worth saying.
    fn of(times: Times) -> Self {
        let round =
            |seconds: Option<f64>| seconds.map(|seconds| (seconds * 1000.0).round() / 1000.0);
        Self {
            console: round(times.console),
            verdict: round(times.verdict),
            up: round(times.up),
            off: round(times.off),
        }
    }
}

impl From<BootError> for Failure {
    fn from(error: BootError) -> Self {
        let failure = Self::failed(&error);
        match &error {
            BootError::Archive(_) => {
                failure.hint("build a disk: `karat build TEMPLATE --format disk`, and boot that")
            }
            BootError::Firmware => failure
                .hint("install it (Debian: apt install ovmf), or name its directory by --firmware"),
            BootError::Kvm => failure.hint("leave --accelerator kvm out: QEMU can do without"),
            BootError::Program("swtpm") => {
                failure.hint("install it (Debian: apt install swtpm), or say --tpm no")
            }
            BootError::Program(_) => {
                failure.hint("install it (Debian: apt install qemu-system-x86)")
            }
            BootError::TooLong => failure.hint("set TMPDIR to a shorter one, such as /tmp"),
            BootError::Interrupted => {
                failure.hint("start it again; --timeout says how long a check takes at most")
            }
            BootError::Convert(_)
            | BootError::Disk { .. }
            | BootError::Io(_)
            | BootError::Start { .. } => failure,
        }
    }
}
