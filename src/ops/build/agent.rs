//! The verifier that an image carries.

use std::path::Path;

use super::units::{self, Part};
use super::{BuildError, LIBRARY};
use crate::appraise::program::{ElfError, Needs};
use crate::digest::Digest;
use crate::instance::Policy;
use crate::limits;
use crate::path::{Escaped, ImagePath};
use crate::sys;
use crate::template::{self, Template};
use crate::tree::{Inode, Kind, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs};

/// The agent's program file.
#[derive(Debug)]
pub(super) struct Agent {
    /// What errors call it.
    name: String,
    bytes: Vec<u8>,
    digest: Digest,
}

/// Why a file cannot be the agent of an image.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// No program.
    #[error("{name}: the agent of an image is a program, and this is none: {error}")]
    NoProgram {
        /// Which file.
        name: String,
        /// What is wrong with it.
        error: ElfError,
    },
    /// Another processor's.
    #[error(
        "{name}: the agent of an image for {architecture} is a program for {architecture}, and this one is for {found}"
    )]
    Machine {
        /// Which file.
        name: String,
        /// Debian's name of what the image runs on.
        architecture: String,
        /// What it runs on.
        found: String,
    },
    /// It does not run alone.
    #[error(
        "{name}: on a disk the agent is the first program that runs, in an initrd without libraries, so that \
         it must be static, and this one loads {loads}"
    )]
    Loads {
        /// Which file.
        name: String,
        /// What it loads.
        loads: String,
    },
}

/// Debian's names of processors, and ELF's (`e_machine`).
const MACHINES: [(&str, u16); 2] = [("amd64", 62), ("arm64", 183)];

impl Agent {
    /// The agent that the template asks for; `None` where it asks for none. `instead` takes the
    /// place of the one beside this program.
    pub(super) fn obtain(
        template: &Template,
        instead: Option<&Path>,
    ) -> Result<Option<Self>, BuildError> {
        let shown = |path: &Path| Escaped(path.as_os_str().as_encoded_bytes()).to_string();
        let (name, bytes) = match &template.verify.agent {
            template::Agent::None => return Ok(None),
            template::Agent::File(file) => (
                Escaped(file.source.as_bytes()).to_string(),
                file.body.bytes.clone(),
            ),
            template::Agent::Beside => {
                let path = match instead {
                    Some(path) => path.to_owned(),
                    None => sys::fs::program_dir()?.join("karat-agent"),
                };
                match sys::fs::read(&path, limits::TEMPLATE_FILE_MAX) {
                    Ok(bytes) => (shown(&path), bytes),
                    Err(error) if error.is_not_found() => {
                        return Err(BuildError::NoAgent(path));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        };
        Ok(Some(Self {
            name,
            digest: Digest::of(&bytes),
            bytes,
        }))
    }

    /// Refuses an agent that would not run: on this architecture, and, where the image `boots`, alone in
    /// an initrd.
    pub(super) fn check(&self, architecture: &str, boots: bool) -> Result<(), AgentError> {
        let name = || self.name.clone();
        let needs = Needs::of(&self.bytes);
        let needs = needs.map_err(|error| AgentError::NoProgram {
            name: name(),
            error,
        })?;
        let wanted = MACHINES.iter().find(|(known, _)| *known == architecture);
        if wanted.is_some_and(|(_, machine)| *machine != needs.machine) {
            let found = MACHINES.iter().find(|(_, it)| *it == needs.machine);
            return Err(AgentError::Machine {
                name: name(),
                architecture: architecture.to_owned(),
                found: found.map_or_else(
                    || format!("another processor (ELF machine {})", needs.machine),
                    |(known, _)| (*known).to_owned(),
                ),
            });
        }
        if boots && !needs.loads.is_empty() {
            let loads = needs.loads.iter().map(|name| Escaped(name).to_string());
            let loads: Vec<String> = loads.collect();
            return Err(AgentError::Loads {
                name: name(),
                loads: loads.join(", "),
            });
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A program without headers: it loads nothing.
    fn agent(machine: u8, loader: Option<&str>) -> Agent {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(120, 0);
        (bytes[16], bytes[18], bytes[32], bytes[54]) = (3, machine, 64, 56);
        if let Some(loader) = loader {
            (bytes[56], bytes[64], bytes[72]) = (1, 3, 120);
            bytes[96] = u8::try_from(loader.len() + 1).unwrap();
            bytes.extend(loader.as_bytes());
            bytes.push(0);
        }
        Agent {
            name: "bin/agent".to_owned(),
            digest: Digest::of(&bytes),
            bytes,
        }
    }

    fn refusal(agent: &Agent, architecture: &str, boots: bool) -> String {
        agent.check(architecture, boots).unwrap_err().to_string()
    }

    #[test]
    fn an_agent_runs_where_its_image_does() {
        agent(62, None).check("amd64", true).unwrap();
        agent(183, None).check("arm64", true).unwrap();
        // Nobody knows the number of each of Debian's architectures.
        agent(243, None).check("riscv64", false).unwrap();
        assert_eq!(
            refusal(&agent(183, None), "amd64", false),
            "bin/agent: the agent of an image for amd64 is a program for amd64, and this one is for arm64"
        );
        let other = refusal(&agent(8, None), "amd64", true);
        assert!(
            other.ends_with("for another processor (ELF machine 8)"),
            "{other}"
        );
    }

    #[test]
    fn on_a_disk_it_runs_alone() {
        let dynamic = agent(62, Some("/lib64/ld-linux-x86-64.so.2"));
        dynamic.check("amd64", false).unwrap();
        let text = refusal(&dynamic, "amd64", true);
        assert!(
            text.ends_with("static, and this one loads /lib64/ld-linux-x86-64.so.2"),
            "{text}"
        );
    }

    #[test]
    fn it_is_a_program() {
        let mut script = agent(62, None);
        script.bytes = b"#!/bin/sh\n".to_vec();
        assert!(refusal(&script, "amd64", false).contains("this is none: it is no 64-bit"));
        let mut object = agent(62, None);
        object.bytes[16] = 1;
        assert!(refusal(&object, "amd64", true).ends_with("it is an ELF file, and no program"));
    }
}
