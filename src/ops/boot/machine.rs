//! Starting a machine, and ending it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::accelerator::Accelerator;
use super::arguments::{self, Files, Serial, Settings};
use super::disk::Disk;
use super::firmware::Firmware;
use super::{BootError, Checked, check};
use crate::progress::Progress;
use crate::sys::fs::{self, Scratch};
use crate::sys::machine::{Interrupt, Output, Running, find};

/// The emulator, and the program that is a TPM.
pub(super) const QEMU: &str = "qemu-system-x86_64";
const SWTPM: &str = "swtpm";
/// Largest template of a firmware's variables; OVMF's has 540 KiB.
const VARIABLES_MAX: u64 = 16 << 20;
/// What a socket's name may have (unix(7)), with its NUL.
const SOCKET_NAME_MAX: usize = 107;
/// How long swtpm may take until it listens.
const TPM_PATIENCE: Duration = Duration::from_secs(10);
/// How long it is waited for between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// A machine that is ready to be switched on.
#[derive(Debug)]
pub struct Machine {
    qemu: PathBuf,
    accelerator: Accelerator,
    disk: Disk,
    firmware: Firmware,
    files: Files,
    settings: Settings,
    interrupt: Interrupt,
    /// Ends before the directory is removed.
    _tpm: Option<Running>,
    scratch: Scratch,
}

impl Machine {
    /// Finds all that it needs, and starts a TPM for it.
    ///
    /// # Errors
    /// Something is not installed, or the image is no disk.
    pub fn prepare(
        image: &Path,
        settings: Settings,
        progress: &dyn Progress,
    ) -> Result<Self, BootError> {
        let interrupt = Interrupt::listen().map_err(|source| start_error(QEMU, source))?;
        let scratch = Scratch::new("boot")?;
        let disk = Disk::open(image, settings.from, &scratch, progress)?;
        let qemu = find(QEMU).ok_or(BootError::Program(QEMU))?;
        let firmware = Firmware::find(settings.firmware.as_deref())?;
        let accelerator = Accelerator::choose(&qemu, settings.accelerator, &scratch)?;
        let variables = scratch.path().join("variables");
        let template = fs::read(&firmware.variables, VARIABLES_MAX)?;
        fs::write_atomic(&variables, &template, 0o600)?;
        let swtpm = match settings.tpm {
            Some(false) => None,
            Some(true) => Some(find(SWTPM).ok_or(BootError::Program(SWTPM))?),
            None => find(SWTPM),
        };
        let mut files = Files {
            variables,
            control: socket(&scratch, "control")?,
            tpm: None,
        };
        let mut tpm = None;
        if let Some(swtpm) = swtpm {
            let socket = socket(&scratch, "tpm")?;
            tpm = Some(start_tpm(&swtpm, &scratch, &socket, &interrupt)?);
            files.tpm = Some(socket);
        }
        Ok(Self {
            qemu,
            accelerator,
            disk,
            firmware,
            files,
            settings,
            interrupt,
            _tpm: tpm,
            scratch,
        })
    }

    /// What runs its instructions.
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// Whether it has a TPM.
    pub fn has_tpm(&self) -> bool {
        self.files.tpm.is_some()
    }

    /// Switches it on, with its console on the terminal, until it ends.
    ///
    /// # Errors
    /// QEMU cannot be started, or somebody ended it.
    pub fn show(&self) -> Result<ExitStatus, BootError> {
        let mut qemu = self.start(Serial::Terminal)?;
        let stop = || self.interrupt.is_there();
        let ended = qemu.ended(Duration::MAX, &stop);
        let ended = ended.map_err(|source| start_error(QEMU, source))?;
        ended.ok_or(BootError::Interrupted)
    }

    /// Switches it on, listens until it is known how the boot went or `time` is over, and switches it
    /// off.
    ///
    /// # Errors
    /// QEMU cannot be started or ends with an error, or somebody ended it.
    pub fn check(&self, time: Duration) -> Result<Checked, BootError> {
        let mut qemu = self.start(Serial::Listener)?;
        let stop = || self.interrupt.is_there();
        check::listen(&mut qemu, &self.files.control, time, &stop)
    }

    fn start(&self, serial: Serial) -> Result<Running, BootError> {
        let arguments = arguments::all(
            &self.settings,
            self.accelerator,
            &self.disk,
            &self.firmware,
            &self.files,
            serial,
        );
        let output = match serial {
            Serial::Listener => Output::Heard,
            Serial::Terminal => Output::Terminal,
        };
        Running::start(&self.qemu, &arguments, self.scratch.path(), output)
            .map_err(|source| start_error(QEMU, source))
    }
}

pub(super) fn start_error(program: &'static str, source: io::Error) -> BootError {
    BootError::Start { program, source }
}

/// A place for a socket in the machine's own directory.
fn socket(scratch: &Scratch, name: &str) -> Result<PathBuf, BootError> {
    let path = scratch.path().join(name);
    if path.as_os_str().len() > SOCKET_NAME_MAX {
        return Err(BootError::TooLong);
    }
    Ok(path)
}

/// A TPM that nobody has used before; it ends with the machine.
fn start_tpm(
    swtpm: &Path,
    scratch: &Scratch,
    socket: &Path,
    interrupt: &Interrupt,
) -> Result<Running, BootError> {
    let state = scratch.path().join("tpm-state");
    fs::make_dirs(&state, 0o700)?;
    let mut arguments: Vec<OsString> = ["socket", "--tpm2", "--terminate", "--tpmstate"]
        .map(OsString::from)
        .to_vec();
    arguments.push(format!("dir={}", state.display()).into());
    arguments.push("--ctrl".into());
    arguments.push(format!("type=unixio,path={}", socket.display()).into());
    let failed = |source| start_error(SWTPM, source);
    let mut running =
        Running::start(swtpm, &arguments, scratch.path(), Output::Nobody).map_err(failed)?;
    // QEMU does not wait for it.
    let watch = crate::sys::clock::Stopwatch::start();
    while !fs::exists(socket)? {
        let stop = || interrupt.is_there();
        if let Some(status) = running.ended(PAUSE, &stop).map_err(failed)? {
            return Err(failed(io::Error::other(format!(
                "it ended at once: {status}"
            ))));
        }
        if interrupt.is_there() {
            return Err(BootError::Interrupted);
        }
        if watch.elapsed() > TPM_PATIENCE {
            return Err(failed(io::Error::from(io::ErrorKind::TimedOut)));
        }
    }
    Ok(running)
}
