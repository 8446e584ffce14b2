//! The verifier that an image carries.

use std::path::Path;

use super::units::{self, Part};
use super::{BuildError, LIBRARY};
use crate::digest::Digest;
use crate::instance::Policy;
use crate::limits;
use crate::path::ImagePath;
use crate::sys;
use crate::template::{self, Template};
use crate::tree::{Inode, Kind, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs};

/// The agent's program file.
#[derive(Debug)]
pub(super) struct Agent {
    bytes: Vec<u8>,
    digest: Digest,
}

impl Agent {
    /// The agent that the template asks for; `None` where it asks for none. `instead` takes the
    /// place of the one beside this program.
    pub(super) fn obtain(
        template: &Template,
        instead: Option<&Path>,
    ) -> Result<Option<Self>, BuildError> {
        let bytes = match &template.verify.agent {
            template::Agent::None => return Ok(None),
            template::Agent::File(file) => file.body.bytes.clone(),
            template::Agent::Beside => {
                let path = match instead {
                    Some(path) => path.to_owned(),
                    None => sys::fs::program_dir()?.join("karat-agent"),
                };
                match sys::fs::read(&path, limits::TEMPLATE_FILE_MAX) {
                    Ok(bytes) => bytes,
                    Err(error) if error.is_not_found() => {
                        return Err(BuildError::NoAgent(path));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        if !bytes.starts_with(b"\x7fELF") {
            return Err(BuildError::NotAProgram);
        }
        Ok(Some(Self {
            digest: Digest::of(&bytes),
            bytes,
        }))
    }

    /// The program.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the program.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Puts the agent into the tree, with the trust root and the policy that it shall use, the place
    /// where it finds the baseline, and the units that start it.
    pub(super) fn install(
        &self,
        tree: &mut Tree<Open>,
        template: &Template,
        trust: Option<&[u8]>,
        blobs: &mut MemoryBlobs,
    ) -> Result<(), BuildError> {
        let origin = Origin::Template(units::ORIGIN.to_owned());
        let library = ImagePath::parse(LIBRARY)?;
        tree.make_dirs(&library.join("baseline")?, &origin)?;
        let units = units::parts(tree, template.verify.on_failure)?;
        for path in units.iter().map(Part::path) {
            if let Some(above) = path.parent() {
                tree.make_dirs(&above, &origin)?;
            }
        }
        let mtime = tree.epoch().seconds();
        let mut put = |path: ImagePath, mode: Mode, kind: Kind| {
            let stat = Stat {
                mtime,
                ..Stat::root(mode)
            };
            let inode = Inode {
                stat,
                kind,
                xattrs: Xattrs::new(),
                origin: origin.clone(),
            };
            tree.replace(path, inode).map(drop)
        };
        let program = Kind::Regular(blobs.add(self.bytes.clone()));
        put(library.join("karat-agent")?, Mode::DIRECTORY, program)?;
        if let Some(trust) = trust {
            let trust = Kind::Regular(blobs.add(trust.to_vec()));
            put(library.join("trust.json")?, Mode::FILE, trust)?;
        }
        let policy = Policy {
            image: template.image.name.clone(),
            expiry: template.verify.expiry,
            on_failure: template.verify.on_failure,
        };
        let policy = Kind::Regular(blobs.add(policy.to_bytes()));
        put(library.join("policy.json")?, Mode::FILE, policy)?;
        for unit in units {
            match unit {
                Part::File(path, text) => {
                    let text = Kind::Regular(blobs.add(text.as_bytes().to_vec()));
                    put(path, Mode::FILE, text)?;
                }
                Part::Link(path, target) => {
                    put(path, Mode::SYMLINK, Kind::Symlink(target.into_bytes()))?;
                }
            }
        }
        let link = Kind::Symlink(b"../lib/karat/karat-agent".to_vec());
        put(
            ImagePath::parse("/usr/bin/karat-agent")?,
            Mode::SYMLINK,
            link,
        )?;
        Ok(())
    }
}
