//! A program while it runs.

use std::ffi::OsString;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use super::tied;
use crate::sys::{clock::Stopwatch, env};

/// How much of what a program says is taken at once, and how many such pieces wait to be heard: a
/// program that is not listened to waits, too.
const PIECE: usize = 4096;
const PIECES: usize = 64;
/// How often it is asked whether a program has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// Where a program's standard output goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// To whoever listens: [`Running::hear`].
    Heard,
    /// To nobody.
    Nobody,
    /// To the terminal, from which it reads as well.
    Terminal,
}

/// What was heard of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It said this.
    Bytes(Vec<u8>),
    /// It will say nothing more.
    End,
    /// It said nothing for as long as it was listened to.
    Nothing,
}

/// A program that runs; ended at the latest when dropped, and when this process dies.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: Option<Receiver<Vec<u8>>>,
}

/// The program of this name in `PATH`.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::os("PATH")?;
    std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

impl Running {
    /// Starts a program, its temporary files in `scratch`; it has nothing else of this process's
    /// environment but `PATH` and the kind of terminal.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(
        program: &Path,
        arguments: &[OsString],
        scratch: &Path,
        output: Output,
    ) -> io::Result<Self> {
        let mut command = tied::command(program, arguments);
        for name in ["PATH", "TERM"] {
            if let Some(value) = env::os(name) {
                command.env(name, value);
            }
        }
        command.env("TMPDIR", scratch);
        match output {
            Output::Heard => command.stdout(Stdio::piped()),
            Output::Nobody => command.stdout(Stdio::null()).stderr(Stdio::null()),
            Output::Terminal => command.stdin(Stdio::inherit()),
        };
        let mut child = command.spawn()?;
        let said = child.stdout.take().map(|mut stdout| {
            let (sender, receiver) = mpsc::sync_channel(PIECES);
            std::thread::spawn(move || {
                let mut piece = [0; PIECE];
                while let Ok(count @ 1..) = stdout.read(&mut piece) {
                    let bytes = piece.get(..count).unwrap_or_default().to_vec();
                    // Nobody listens any more.
                    if sender.send(bytes).is_err() {
                        return;
                    }
                }
            });
            receiver
        });
        Ok(Self { child, said })
    }

    /// Listens for at most so long.
    pub fn hear(&self, time: Duration) -> Heard {
        let Some(said) = &self.said else {
            return Heard::End;
        };
        match said.recv_timeout(time) {
            Ok(bytes) => Heard::Bytes(bytes),
            Err(RecvTimeoutError::Timeout) => Heard::Nothing,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        }
    }

    /// How it ended, if it has, or does within so long, or until `stop` says so.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn ended(
        &mut self,
        time: Duration,
        stop: &dyn Fn() -> bool,
    ) -> io::Result<Option<ExitStatus>> {
        let watch = Stopwatch::start();
        loop {
            let status = self.child.try_wait()?;
            if status.is_some() || watch.elapsed() >= time || stop() {
                return Ok(status);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself just now; either way nothing of it is left.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
