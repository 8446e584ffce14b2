//! A program with all that it loads, compared with the manifest.

use std::collections::BTreeSet;

use super::elf::{self, Elf, ElfError};
use super::resolve::resolve;
use crate::digest::Digest;
use crate::limits;
use crate::manifest::Manifest;
use crate::path::{Escaped, ImagePath};
use crate::tree::Kind;

/// A program, its loader and all libraries: bytes that the manifest lists. Only
/// [`Program::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Program {
    main: Object,
    loader: Option<Object>,
    libraries: Vec<Object>,
}

/// One file of a program.
#[derive(Clone, Debug)]
pub struct Object {
    path: ImagePath,
    bytes: Vec<u8>,
}

/// Gives the bytes of a path, at most so many; or says why not.
pub type Read<'r> = dyn FnMut(&ImagePath, u64) -> Result<Vec<u8>, String> + 'r;

/// Why a program may not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProgramError {
    /// Its bytes are not those that were signed.
    #[error("{0} is not as signed")]
    Differs(ImagePath),
    /// It is not understood.
    #[error("{path}: {error}")]
    Elf {
        /// Which file.
        path: ImagePath,
        /// Why.
        error: ElfError,
    },
    /// A library that goes by another name than the one that is needed: the loader would look for
    /// it elsewhere.
    #[error("{path} does not call itself {name}")]
    Name {
        /// Which file.
        path: ImagePath,
        /// The name that is needed, escaped.
        name: String,
    },
    /// The manifest lists no such file.
    #[error("the image has no file {0}")]
    NotListed(String),
    /// It cannot be read.
    #[error("{path}: {why}")]
    Read {
        /// Which file.
        path: ImagePath,
        /// Why.
        why: String,
    },
    /// Larger, or with more libraries, than karat runs.
    #[error("{0} is larger, or needs more libraries, than this program runs")]
    TooMuch(ImagePath),
}

impl Object {
    /// Where the image has it.
    pub fn path(&self) -> &ImagePath {
        &self.path
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Program {
    /// Reads a program and all that it loads with `read`, which is given a path and the most bytes
    /// to read, and compares each with the manifest before a byte of it is understood.
    ///
    /// Libraries are those of the directory that holds the loader, or of `/usr/lib`: where Debian
    /// has them.
    ///
    /// # Errors
    /// The rule that stands against running it.
    pub fn verify(
        manifest: &Manifest,
        path: &ImagePath,
        read: &mut Read<'_>,
    ) -> Result<Self, ProgramError> {
        let mut reader = Reader { manifest, read };
        let (main, elf) = reader.object(path.as_bytes())?;
        let Some(interpreter) = &elf.interpreter else {
            return if elf.needed.is_empty() {
                Ok(Self {
                    main,
                    loader: None,
                    libraries: Vec::new(),
                })
            } else {
                Err(ProgramError::Elf {
                    path: main.path,
                    error: ElfError::Malformed,
                })
            };
        };
        let (loader, loader_elf) = reader.object(interpreter)?;
        let libraries = reader.libraries(&loader, loader_elf, elf.needed)?;
        Ok(Self {
            main,
            loader: Some(loader),
            libraries,
        })
    }

    /// The program itself.
    pub fn main(&self) -> &Object {
        &self.main
    }

    /// The loader that starts it; `None`: it needs none.
    pub fn loader(&self) -> Option<&Object> {
        self.loader.as_ref()
    }

    /// All libraries, of libraries too; each is named as it is needed.
    pub fn libraries(&self) -> &[Object] {
        &self.libraries
    }
}

struct Reader<'a> {
    manifest: &'a Manifest,
    read: &'a mut Read<'a>,
}

impl Reader<'_> {
    fn object(&mut self, path: &[u8]) -> Result<(Object, Elf), ProgramError> {
        let unlisted = || ProgramError::NotListed(Escaped(path).to_string());
        let entry = resolve(self.manifest, path).ok_or_else(unlisted)?;
        let Kind::Regular(content) = &entry.kind else {
            return Err(unlisted());
        };
        let path = entry.path.clone();
        if content.size > limits::PROGRAM_FILE_MAX {
            return Err(ProgramError::TooMuch(path));
        }
        let bytes = match (self.read)(&path, content.size) {
            Ok(bytes) => bytes,
            Err(why) => return Err(ProgramError::Read { path, why }),
        };
        if Digest::of(&bytes) != content.digest {
            return Err(ProgramError::Differs(path));
        }
        match elf::parse(&bytes) {
            Ok(elf) => Ok((Object { path, bytes }, elf)),
            Err(error) => Err(ProgramError::Elf { path, error }),
        }
    }

    fn libraries(
        &mut self,
        loader: &Object,
        loader_elf: Elf,
        needed: Vec<Vec<u8>>,
    ) -> Result<Vec<Object>, ProgramError> {
        let beside = loader.path.parent().unwrap_or_else(ImagePath::root);
        // The loader is loaded already, under its own name.
        let mut seen: BTreeSet<Vec<u8>> = loader_elf.soname.into_iter().collect();
        let mut pending = needed;
        let mut libraries = Vec::new();
        while let Some(name) = pending.pop() {
            if !seen.insert(name.clone()) {
                continue;
            }
            if libraries.len() >= limits::PROGRAM_LIBRARIES_MAX {
                return Err(ProgramError::TooMuch(loader.path.clone()));
            }
            let candidates = [beside.as_bytes(), b"/usr/lib"]
                .map(|directory| [directory, b"/".as_slice(), &name].concat());
            let found = candidates
                .iter()
                .find(|path| resolve(self.manifest, path).is_some())
                .ok_or_else(|| ProgramError::NotListed(Escaped(&name).to_string()))?;
            let (library, elf) = self.object(found)?;
            if elf.soname.as_ref() != Some(&name) {
                return Err(ProgramError::Name {
                    path: library.path,
                    name: Escaped(&name).to_string(),
                });
            }
            pending.extend(elf.needed);
            libraries.push(library);
        }
        Ok(libraries)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::elf::tests::file;
    use super::*;
    use crate::tree::{Content, Epoch, Inode, Mode, Stat, Tree, Xattrs};

    /// A small image, and what the machine has in its place.
    struct Machine {
        tree: Tree<crate::tree::Open>,
        files: BTreeMap<ImagePath, Vec<u8>>,
    }

    fn path(text: &str) -> ImagePath {
        ImagePath::parse(text).unwrap()
    }

    impl Machine {
        fn new() -> Self {
            let mut machine = Self {
                tree: Tree::new(Epoch::new(0).unwrap()),
                files: BTreeMap::new(),
            };
            for directory in ["/usr", "/usr/bin", "/usr/lib", "/usr/lib/x", "/usr/lib64"] {
                machine.add(directory, Kind::Directory);
            }
            machine.add("/lib64", Kind::Symlink(b"usr/lib64".to_vec()));
            machine.add(
                "/usr/lib64/ld.so",
                Kind::Symlink(b"../lib/./x/ld.so".to_vec()),
            );
            machine.add(
                "/usr/lib/x/liba.so.1",
                Kind::Symlink(b"liba.so.1.2".to_vec()),
            );
            machine.file(
                "/usr/bin/nft",
                &file(None, &["liba.so.1", "libc.so"], Some("/lib64/ld.so")),
            );
            machine.file("/usr/lib/x/ld.so", &file(Some("ld.so"), &[], None));
            machine.file(
                "/usr/lib/x/liba.so.1.2",
                &file(Some("liba.so.1"), &["libc.so"], None),
            );
            machine.file("/usr/lib/libc.so", &file(Some("libc.so"), &["ld.so"], None));
            machine
        }

        fn add(&mut self, at: &str, kind: Kind) {
            let mode = match kind {
                Kind::Symlink(_) => Mode::SYMLINK,
                _ => Mode::DIRECTORY,
            };
            let inode = Inode {
                stat: Stat::root(mode),
                kind,
                xattrs: Xattrs::new(),
                origin: "package:x".parse().unwrap(),
            };
            self.tree.replace(path(at), inode).unwrap();
        }

        fn file(&mut self, at: &str, bytes: &[u8]) {
            self.add(at, Kind::Regular(Content::of(bytes)));
            self.files.insert(path(at), bytes.to_vec());
        }

        fn verify(&self) -> Result<Program, ProgramError> {
            let manifest = Manifest::of(&self.tree.clone().seal().unwrap());
            Program::verify(&manifest, &path("/usr/bin/nft"), &mut |path, cap| {
                let bytes = self.files.get(path).ok_or("no such file")?;
                if u64::try_from(bytes.len()).unwrap() > cap {
                    return Err("larger".to_owned());
                }
                Ok(bytes.clone())
            })
        }
    }

    #[test]
    fn a_program_with_all_that_it_loads() {
        let program = Machine::new().verify().unwrap();
        assert_eq!(program.main().path(), &path("/usr/bin/nft"));
        assert_eq!(program.loader().unwrap().path(), &path("/usr/lib/x/ld.so"));
        let libraries: Vec<String> = program
            .libraries()
            .iter()
            .map(|library| library.path().to_string())
            .collect();
        assert_eq!(libraries, ["/usr/lib/libc.so", "/usr/lib/x/liba.so.1.2"]);
        let mut machine = Machine::new();
        machine.file("/usr/bin/nft", &file(None, &[], None));
        let program = machine.verify().unwrap();
        assert!(program.loader().is_none() && program.libraries().is_empty());
    }

    #[test]
    fn a_changed_byte_of_any_of_them_stands_against_it() {
        for at in [
            "/usr/bin/nft",
            "/usr/lib/x/ld.so",
            "/usr/lib/x/liba.so.1.2",
            "/usr/lib/libc.so",
        ] {
            let mut machine = Machine::new();
            machine.files.get_mut(&path(at)).unwrap()[20] ^= 1;
            assert_eq!(
                machine.verify().unwrap_err(),
                ProgramError::Differs(path(at))
            );
            machine.files.get_mut(&path(at)).unwrap().push(0);
            assert!(matches!(
                machine.verify(),
                Err(ProgramError::Read { why, .. }) if why == "larger"
            ));
        }
    }

    #[test]
    fn what_the_image_does_not_have_is_not_run() {
        let mut machine = Machine::new();
        machine.file(
            "/usr/bin/nft",
            &file(None, &["libz.so"], Some("/lib64/ld.so")),
        );
        let missing = ProgramError::NotListed("libz.so".to_owned());
        assert_eq!(machine.verify().unwrap_err(), missing);
        machine.file("/usr/bin/nft", b"#!/bin/sh\n");
        assert!(matches!(machine.verify(), Err(ProgramError::Elf { .. })));
        machine.file(
            "/usr/bin/nft",
            &file(None, &["libc.so"], Some("/lib64/none")),
        );
        assert!(matches!(machine.verify(), Err(ProgramError::NotListed(_))));
        // Its loader leads in a circle.
        machine.add("/usr/lib64/loop", Kind::Symlink(b"loop".to_vec()));
        machine.file(
            "/usr/bin/nft",
            &file(None, &["libc.so"], Some("/lib64/loop")),
        );
        assert!(matches!(machine.verify(), Err(ProgramError::NotListed(_))));
        // Libraries without a loader.
        machine.file("/usr/bin/nft", &file(None, &["libc.so"], None));
        assert!(matches!(machine.verify(), Err(ProgramError::Elf { .. })));
        let mut machine = Machine::new();
        machine.file("/usr/lib/libc.so", &file(Some("libd.so"), &[], None));
        assert!(matches!(machine.verify(), Err(ProgramError::Name { .. })));
    }
}
