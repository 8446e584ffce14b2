//! Writing many pieces with few calls.

use std::fs::File;
use std::io::{self, IoSlice};

use rustix::io::Errno;

/// Writes all pieces one after the other, from a position on. At most `IOV_MAX` (1024) of them.
///
/// # Errors
/// Writing fails. The pieces are no longer whole then.
pub fn write_all_at(file: &File, pieces: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
    let mut position = position;
    let mut pieces = pieces;
    // Empty pieces at the front are passed over.
    IoSlice::advance_slices(&mut pieces, 0);
    while !pieces.is_empty() {
        let count = match rustix::io::pwritev(file, pieces, position) {
            Err(Errno::INTR) => continue,
            answer => answer?,
        };
        if count == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        position = position.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        IoSlice::advance_slices(&mut pieces, count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn pieces_follow_each_other() {
        let path = crate::sys::env::temp_dir();
        let path = path.join(format!("karat-gather-{}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        let mut pieces = [b"".as_slice(), b"ab", b"", b"c", b""].map(IoSlice::new);
        write_all_at(&file, &mut pieces, 1).unwrap();
        write_all_at(&file, &mut [], 100).unwrap();
        write_all_at(&file, &mut [IoSlice::new(b"")], 100).unwrap();
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"\0abc");
    }
}
