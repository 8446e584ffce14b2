//! Asking before something that cannot be taken back.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use super::console::{BOLD, Console};
use super::failure::Failure;

/// Longest answer that is read.
const ANSWER_MAX: u64 = 64;

/// Goes on if `yes` was given, or if somebody at the terminal types `word`.
///
/// # Errors
/// Nobody can be asked, or the answer is another.
pub fn confirm(console: &Console, yes: bool, what: &str, word: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::usage(format!(
            "{what} cannot be taken back, and nobody can be asked"
        ))
        .hint(
            "give --yes if it is meant; `karat trust` and `karat key` show it first with --dry-run",
        ));
    }
    console.note(format_args!(
        "{what} cannot be taken back by any later version."
    ));
    let mut err = anstream::stderr().lock();
    drop(write!(err, "Type {BOLD}{word}{BOLD:#} to go on: ").and_then(|()| err.flush()));
    let mut answer = String::new();
    let mut input = std::io::stdin().lock().take(ANSWER_MAX);
    if input.read_line(&mut answer).is_ok() && answer.trim() == word {
        Ok(())
    } else {
        Err(Failure::usage("not confirmed; nothing was changed"))
    }
}
