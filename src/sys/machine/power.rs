//! The power button of a machine that QEMU runs, by its machine protocol (QMP).

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long QEMU may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Longest line that is read of it: its greeting has some hundred bytes.
const LINE_MAX: u64 = 64 << 10;

/// Presses the power button of the machine whose protocol is spoken at `socket`.
///
/// # Errors
/// Nobody answers there, or not so that it can be understood.
pub fn press_power_button(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut answers = BufReader::new(stream.try_clone()?);
    let mut answered = || {
        let mut line = String::new();
        let count = (&mut answers).take(LINE_MAX).read_line(&mut line)?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        Ok(line)
    };
    // QEMU greets first, and answers each command with one line; events may stand between.
    answered()?;
    for command in ["qmp_capabilities", "system_powerdown"] {
        writeln!(stream, "{{\"execute\":\"{command}\"}}")?;
        for _ in 0..100 {
            let line = answered()?;
            if line.contains("\"error\"") {
                return Err(io::Error::other(format!("QEMU refused {command}")));
            }
            if line.contains("\"return\"") {
                break;
            }
        }
    }
    Ok(())
}
