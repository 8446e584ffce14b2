//! The files of what an instance remembers.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::fs::{self, IoError, Lock};
use crate::instance::{Slot, State};
use crate::limits;
use crate::path::Escaped;

/// Reads the two files below `directory`. None need be there, nor the directory.
///
/// # Errors
/// One of them cannot be read, is no regular file or too large, or it or the directory could have
/// been written by another user than root (or whoever runs this): then it is not to be believed.
pub fn read(directory: &Path) -> Result<[Slot; 2], IoError> {
    match fs::directory_is_ours(directory) {
        Err(error) if !error.is_not_found() => return Err(error),
        _ => {}
    }
    let [even, odd] = State::FILES;
    let slot = |name: &str| {
        let path = directory.join(name);
        let bytes = match fs::read_ours(&path, limits::STATE_MAX) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        let path = Escaped(path.as_os_str().as_bytes()).to_string();
        Ok(Slot { path, bytes })
    };
    Ok([slot(even)?, slot(odd)?])
}

/// Raises what is remembered below `directory` by `raise`, which gets what is there and gives what
/// to write, if anything. Files are written beside, flushed, renamed, and the directory flushed; the
/// generation before stays whatever happens. Gives whether anything was written.
///
/// # Errors
/// As [`read`]; or something cannot be written.
pub fn raise(
    directory: &Path,
    raise: impl FnOnce(&[Slot; 2]) -> Option<State>,
) -> Result<bool, IoError> {
    fs::make_dirs(directory, 0o755)?;
    let _lock = Lock::directory(directory)?;
    let Some(state) = raise(&read(directory)?) else {
        return Ok(false);
    };
    // What a power failure left of an earlier attempt. Nobody else writes here.
    fs::remove_temporaries(directory, "state.")?;
    for state in state.writings() {
        fs::write_atomic(directory.join(state.file()), &state.to_bytes(), 0o644)?;
    }
    fs::sync_parent(directory)?;
    Ok(true)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make and spoil files")]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::baseline::{ImageName, Serial};

    struct Dir(std::path::PathBuf);

    impl Dir {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("karat-{name}-{}", std::process::id()));
            drop(std::fs::remove_dir_all(&path));
            Self(path)
        }

        fn bless(&self, serial: u64) -> Result<bool, IoError> {
            let name = ImageName::parse("base").unwrap();
            raise(&self.0, |slots| {
                let state = State::recall(slots).state;
                state.raised(&name, Serial::new(serial).unwrap(), 1, None)
            })
        }

        fn floor(&self) -> Option<u64> {
            let name = ImageName::parse("base").unwrap();
            let recalled = State::recall(&read(&self.0).unwrap());
            recalled.state.about(Some(&name)).serial
        }

        fn refusal(&self) -> String {
            read(&self.0).unwrap_err().to_string()
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn two_files_and_nothing_else() {
        let dir = Dir::new("state-two");
        assert_eq!(dir.floor(), None);
        assert!(dir.bless(5).unwrap());
        assert!(!dir.bless(5).unwrap(), "nothing new, nothing written");
        assert!(dir.bless(6).unwrap());
        assert_eq!(dir.floor(), Some(6));
        assert_eq!(fs::list(&dir.0).unwrap(), State::FILES);
        // Torn: the one before still counts, and the next writing mends it.
        std::fs::write(dir.0.join("state.1"), b"karat-sta").unwrap();
        std::fs::write(dir.0.join(".state.1.99-0.tmp"), b"x").unwrap();
        assert_eq!(dir.floor(), Some(5));
        assert!(dir.bless(7).unwrap());
        assert_eq!(dir.floor(), Some(7));
        assert_eq!(fs::list(&dir.0).unwrap(), State::FILES);
    }

    #[test]
    fn what_others_could_have_written_is_not_believed() {
        let dir = Dir::new("state-owner");
        dir.bless(5).unwrap();
        let file = dir.0.join("state.0");
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&file, 0o664);
        assert!(
            dir.refusal()
                .contains("its mode 0664 lets others change it")
        );
        assert!(dir.bless(9).is_err());
        mode(&file, 0o644);
        mode(&dir.0, 0o777);
        assert!(dir.refusal().contains("its mode 0777"), "{}", dir.refusal());
        mode(&dir.0, 0o755);
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&file, Some(1234), None).unwrap();
            assert!(dir.refusal().contains("the user 1234"), "{}", dir.refusal());
            std::os::unix::fs::chown(&file, Some(0), None).unwrap();
        }
        assert_eq!(dir.floor(), Some(5));
        std::fs::write(&file, vec![b'x'; 100_000]).unwrap();
        assert!(dir.refusal().contains("larger"), "{}", dir.refusal());
        std::fs::remove_file(&file).unwrap();
        symlink("/etc/passwd", &file).unwrap();
        assert!(dir.refusal().contains("cannot open"), "{}", dir.refusal());
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        assert!(dir.refusal().contains("regular file"), "{}", dir.refusal());
    }
}
