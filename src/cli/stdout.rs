//! Standard output: results that must not be cut short unseen.

use std::io::{self, Write as _};

use crate::sys::fs::IoError;

/// Writes a result.
///
/// # Errors
/// It cannot be written, so that what is there is cut short. A closed pipe is no error: the reader has
/// seen enough.
pub(super) fn write(bytes: &[u8]) -> Result<(), IoError> {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What came of writing to standard output.
///
/// # Errors
/// As [`write`].
pub(super) fn written(result: io::Result<()>) -> Result<(), IoError> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(IoError::new("write to", "standard output", error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        let of = |kind: io::ErrorKind| written(Err(kind.into()));
        assert!(written(Ok(())).is_ok());
        assert!(of(io::ErrorKind::BrokenPipe).is_ok());
        let error = of(io::ErrorKind::StorageFull).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot write to standard output: "),
            "{error}"
        );
    }
}
