//! What programs are loaded with (ld.so(8)).

use super::read::{FileSystem, kernel, seen};
use crate::appraise::fact::{Preloads, Seen, Variable, source};
use crate::limits;
use crate::sys::fs;

pub(super) fn observe() -> Preloads {
    Preloads {
        file: match seen(fs::exists(source::PRELOAD)) {
            Seen::Value(true) => Seen::Value(()),
            Seen::Value(false) | Seen::Absent => Seen::Absent,
            Seen::Unreadable(why) => Seen::Unreadable(why),
        },
        variables: kernel(source::ENVIRON, FileSystem::Proc, limits::FACT_ENVIRON_MAX)
            .parse(|bytes| Ok(loader_variables(&bytes))),
    }
}

/// Variables of the dynamic linker, as they stand there; an empty one does nothing.
pub(super) fn loader_variables(environ: &[u8]) -> Vec<Variable> {
    environ
        .split(|byte| *byte == 0)
        .filter_map(|entry| {
            let at = entry.iter().position(|byte| *byte == b'=')?;
            let (name, value) = entry.split_at_checked(at)?;
            let value = value.get(1..)?;
            (name.starts_with(b"LD_") && !value.is_empty()).then(|| Variable {
                name: name.to_vec(),
                value: value.to_vec(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_linkers_own_variables_count() {
        let names = |environ: &[u8]| -> Vec<Vec<u8>> {
            let found = loader_variables(environ);
            found.into_iter().map(|variable| variable.name).collect()
        };
        assert_eq!(
            names(b"PATH=/bin\0LD_PRELOAD=/x.so\0LD_AUDIT=y\0"),
            [b"LD_PRELOAD".to_vec(), b"LD_AUDIT".to_vec()]
        );
        for harmless in [
            &b""[..],
            b"\0\0",
            b"LD_PRELOAD",
            b"LD_PRELOAD=\0",
            b"XLD_PRELOAD=1",
            b"=LD_PRELOAD=1",
        ] {
            assert!(names(harmless).is_empty(), "{harmless:?}");
        }
        assert_eq!(
            loader_variables(b"LD_PRELOAD=a=\xffb"),
            [Variable {
                name: b"LD_PRELOAD".to_vec(),
                value: b"a=\xffb".to_vec(),
            }]
        );
    }
}
