//! Where passphrases come from: a file descriptor, the environment, a prompt; in this order.

use std::io::IsTerminal as _;
use std::os::unix::ffi::OsStringExt as _;

use super::console::Console;
use super::failure::Failure;
use crate::key::Passphrase;
use crate::limits;
use crate::sys::{env, fs};

/// Options of commands that may need a passphrase.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Source {
    /// Read the passphrase from this file descriptor, up to the first line feed.
    #[arg(long, value_name = "FD")]
    pub passphrase_fd: Option<u32>,
}

/// Protects the root key, where nobody can be asked.
pub const ROOT_VARIABLE: &str = "KARAT_ROOT_PASSPHRASE";
/// Opens or protects any other key, where nobody can be asked.
pub const KEY_VARIABLE: &str = "KARAT_KEY_PASSPHRASE";

impl Source {
    /// The passphrase of a key that exists; `None` where there is no way to one.
    pub fn existing(self, console: &Console, file: &std::path::Path) -> Option<Passphrase> {
        match self.given(KEY_VARIABLE) {
            Ok(Some(passphrase)) => return Some(passphrase),
            Ok(None) => {}
            Err(failure) => {
                console.failure(&failure);
                return None;
            }
        }
        if !can_ask() {
            return None;
        }
        match ask(&format!("Passphrase of {}: ", file.display())) {
            Ok(passphrase) => Some(passphrase),
            Err(failure) => {
                console.failure(&failure);
                None
            }
        }
    }

    /// The passphrase of a key to be made, asked for twice; `None` where there is no way to one.
    pub fn new_key(self, variable: &str, what: &str) -> Result<Option<Passphrase>, Failure> {
        if let Some(passphrase) = self.given(variable)? {
            return Ok(Some(passphrase));
        }
        if !can_ask() {
            return Ok(None);
        }
        let first = ask(&format!("New passphrase of {what}: "))?;
        if first != ask("Again: ")? {
            return Err(Failure::usage("the two passphrases differ"));
        }
        refuse_empty(first).map(Some)
    }

    fn given(self, variable: &str) -> Result<Option<Passphrase>, Failure> {
        if let Some(fd) = self.passphrase_fd {
            let bytes = fs::read_inherited(fd, limits::PASSPHRASE_MAX)?;
            return refuse_empty(Passphrase::from_line(bytes)).map(Some);
        }
        Ok(env::os(variable).map(|value| Passphrase::new(value.into_vec())))
    }
}

fn refuse_empty(passphrase: Passphrase) -> Result<Passphrase, Failure> {
    if passphrase.is_empty() {
        Err(Failure::usage("the passphrase is empty"))
    } else {
        Ok(passphrase)
    }
}

fn can_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn ask(prompt: &str) -> Result<Passphrase, Failure> {
    rpassword::prompt_password(prompt)
        .map(|text| Passphrase::new(text.into_bytes()))
        .map_err(|error| Failure::failed(&error))
}
