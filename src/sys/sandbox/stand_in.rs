//! Programs of the root in whose place karat answers, as scripts see it.
//!
//! ```text
//! /dev/.karat/own/NAME   the program itself
//! /dev/.karat/NAME       what scripts find at its path: a shell script, mounted over it
//! /dev/.karat/ask        a FIFO: `ask PID NAME WORD…`, `again PID NAME WORD…`, `end`, a line each
//! /dev/.karat/answer     a FIFO: `PID own`, `PID exit STATUS` or `PID WORD…` for each question
//! /dev/.karat/lock       is there from a question to its `end`; made by who asks, removed here
//! /dev/.karat/free       a FIFO: an empty line once it is removed
//! ```
//! Pid 1 answers, which is karat, has the root as its own root and may do what any script may:
//! there is nothing to gain from asking it. No program of karat's need run in the root, where its
//! libraries are not.

use std::fmt;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::mount::mount_bind;

use super::error::SandboxError;
use super::init::PLACE;
use crate::digest::Digest;
use crate::path::ImagePath;
use crate::sys::root::Root;

/// Largest program that is looked at; the known ones are scripts.
const PROGRAM_MAX: u64 = 1 << 20;
/// Longest line with a question; scripts ask nothing that comes near it.
const QUESTION_MAX: u64 = 4096;

/// A program in whose place karat answers.
#[derive(Clone, Copy, Debug)]
pub struct StandIn {
    /// Its name in questions.
    pub name: &'static str,
    /// Its path in the root.
    pub program: &'static str,
    /// SHA-256 of each of its versions that are known, in hexadecimal digits.
    pub known: &'static [&'static str],
    /// The shell script that scripts find in its place.
    pub script: &'static str,
    /// Answers.
    pub answer: fn(&Root, &Question<'_>) -> Answer,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Whether it is asked for the second time, after what [`Answer::First`] said was done.
    pub again: bool,
    /// The program's arguments: letters, digits and `@._:-`, none of them empty.
    pub words: Vec<&'a str>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// All was done; the program ends with this status.
    Exit(u8),
    /// Nothing was done yet: the script first has to do this, then ask again.
    First(String),
    /// Nothing was done: the program itself is to be started.
    Own,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(status) => write!(f, "exit {status}"),
            Self::First(words) => f.write_str(words),
            Self::Own => f.write_str("own"),
        }
    }
}

/// Answers until the sandbox ends.
#[derive(Debug)]
pub(super) struct Server {
    root: Root,
    stand_ins: Vec<StandIn>,
    ask: File,
    answer: File,
    free: File,
}

impl Server {
    /// Puts scripts in the place of those programs that are known. `None` where there is none, or
    /// this machine does not let it happen: then the programs themselves run, with the same result.
    pub(super) fn place(all: &[StandIn]) -> Option<Self> {
        let root = Root::open(Path::new("/")).ok()?;
        let known: Vec<&StandIn> = all.iter().filter(|one| one.is_known(&root)).collect();
        if known.is_empty() {
            return None;
        }
        let ask = fifo("ask", OFlags::empty()).ok()?;
        // A script that asks and does not listen must not stop others.
        let answer = fifo("answer", OFlags::NONBLOCK).ok()?;
        let free = fifo("free", OFlags::NONBLOCK).ok()?;
        let own = Path::new(PLACE).join("own");
        rustix::fs::mkdir(own, Mode::from_raw_mode(0o755)).ok()?;
        let stand_ins: Vec<StandIn> = known
            .into_iter()
            .filter(|one| one.place().is_ok())
            .copied()
            .collect();
        Some(Self {
            root,
            stand_ins,
            ask,
            answer,
            free,
        })
    }

    /// Answers from a thread of its own.
    ///
    /// # Errors
    /// No thread can be started.
    pub(super) fn start(self) -> Result<(), SandboxError> {
        std::thread::Builder::new()
            .name("stand-ins".to_owned())
            .spawn(move || self.serve())
            .map(drop)
            .map_err(|error| SandboxError::step("start a thread", error))
    }

    fn serve(self) {
        let Self {
            root,
            stand_ins,
            ask,
            mut answer,
            mut free,
        } = self;
        let lock = Path::new(PLACE).join("lock");
        let mut ask = BufReader::new(ask);
        loop {
            let mut line = Vec::new();
            match ask.by_ref().take(QUESTION_MAX).read_until(b'\n', &mut line) {
                Ok(count) if count > 0 => {}
                _ => return,
            }
            if line == b"end\n" {
                // What is left was for somebody who did not wait for it.
                while answer.read(&mut [0; 256]).is_ok_and(|count| count > 0) {}
                let _ = rustix::fs::unlink(&lock);
                drop(free.write_all(b"\n"));
                continue;
            }
            // What is no question came from no script of ours: nobody waits for an answer.
            let Some((asker, name, question)) = question(&line) else {
                continue;
            };
            let said = stand_ins
                .iter()
                .find(|one| one.name == name)
                .map_or(Answer::Own, |one| (one.answer)(&root, &question));
            drop(answer.write_all(format!("{asker} {said}\n").as_bytes()));
        }
    }
}

impl StandIn {
    /// Whether the root has this program, and a version of it that is known.
    fn is_known(&self, root: &Root) -> bool {
        ImagePath::parse(self.program)
            .ok()
            .and_then(|path| root.bytes(&path, PROGRAM_MAX).ok())
            .is_some_and(|bytes| {
                self.known
                    .contains(&Digest::of(&bytes).to_string().as_str())
            })
    }

    fn place(&self) -> std::io::Result<()> {
        let own = Path::new(PLACE).join("own").join(self.name);
        File::create(&own)?;
        mount_bind(self.program, &own)?;
        let script = executable(self.name, self.script)?;
        mount_bind(&script, self.program)?;
        Ok(())
    }
}

/// Makes a program of [`PLACE`].
pub(super) fn executable(name: &str, text: &str) -> std::io::Result<PathBuf> {
    let path = Path::new(PLACE).join(name);
    File::create(&path)?.write_all(text.as_bytes())?;
    rustix::fs::chmod(&path, Mode::from_raw_mode(0o755))?;
    Ok(path)
}

/// Makes a FIFO that only root may use, open at both ends: none of its users waits to open it, and
/// it never ends.
fn fifo(name: &str, flags: OFlags) -> rustix::io::Result<File> {
    let path = Path::new(PLACE).join(name);
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(CWD, &path, FileType::Fifo, mode, 0)?;
    let flags = flags | OFlags::RDWR | OFlags::CLOEXEC;
    rustix::fs::open(&path, flags, Mode::empty()).map(File::from)
}

/// Who asks, for which program, and the question; `None` if the line is none.
fn question(line: &[u8]) -> Option<(u32, &str, Question<'_>)> {
    let line = str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
    let is_plain = |word: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"@._:-".contains(&byte);
        !word.is_empty() && word.bytes().all(plain)
    };
    let mut words = line.split(' ');
    let again = match words.next()? {
        "ask" => false,
        "again" => true,
        _ => return None,
    };
    let asker = words.next()?.parse().ok()?;
    let name = words.next()?;
    let words: Vec<&str> = words.collect();
    let plain = words.iter().all(|word| is_plain(word));
    plain.then_some((asker, name, Question { again, words }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_words_make_a_question() {
        let expected = Question {
            again: false,
            words: vec!["--user", "enable", "a@b.service"],
        };
        let line = b"ask 7 helper --user enable a@b.service\n";
        assert_eq!(question(line), Some((7, "helper", expected)));
        let none = Question {
            again: true,
            words: Vec::new(),
        };
        assert_eq!(question(b"again 8 helper\n"), Some((8, "helper", none)));
        for line in [
            "ask 7 helper enable a",
            "tell 7 helper enable a\n",
            "ask helper enable a\n",
            "ask 7\n",
            "ask\n",
            "\n",
            "ask 7 helper  enable\n",
            "ask 7 helper enable a/b\n",
            "ask 7 helper enable \u{fc}\n",
        ] {
            assert_eq!(question(line.as_bytes()), None, "{line}");
        }
    }
}
