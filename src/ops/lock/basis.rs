//! What a template asks for, in the words of a lock.

use std::path::Path;

use super::LockFailure;
use crate::digest::Digest;
use crate::limits;
use crate::lock::Basis;
use crate::sys::fs;
use crate::template::{Agent, Choice as _, Template};

/// What a template asks for, in the words of a lock.
pub fn basis(template: &Template) -> Basis {
    let source = &template.source;
    let sorted = |mut words: Vec<String>| {
        words.sort();
        words
    };
    let packages = template.packages.iter().map(|spec| match &spec.version {
        Some(version) => format!("{}={}", spec.name.as_str(), version.as_str()),
        None => spec.name.as_str().to_owned(),
    });
    let components = source.components.iter().map(|one| one.as_str().to_owned());
    let pockets = source.pockets.iter().map(|one| one.word().to_owned());
    let extra = source.extra.iter().map(|one| one.name.as_str().to_owned());
    Basis {
        packages: sorted(packages.collect()),
        components: sorted(components.collect()),
        pockets: sorted(pockets.collect()),
        extra: sorted(extra.collect()),
        recommends: source.recommends,
        initrd: template.kernel.initrd.word().to_owned(),
        flavour: template
            .kernel
            .flavour
            .map(|flavour| flavour.word().to_owned()),
        snapshot: source.snapshot.as_ref().map(|one| one.as_str().to_owned()),
    }
}

/// The agent that a build of the template would install: the template's own, `instead`, or the one
/// beside this program. `None` where the template wants none, or where none is beside this program:
/// then the lock does not pin it.
///
/// # Errors
/// It cannot be read.
pub fn agent(template: &Template, instead: Option<&Path>) -> Result<Option<Digest>, LockFailure> {
    let path = match (&template.verify.agent, instead) {
        (Agent::None, _) => return Ok(None),
        (Agent::File(file), _) => return Ok(Some(file.body.content.digest)),
        (Agent::Beside, Some(path)) => path.to_owned(),
        (Agent::Beside, None) => fs::program_dir()?.join("karat-agent"),
    };
    match fs::read(&path, limits::TEMPLATE_FILE_MAX) {
        Ok(bytes) => Ok(Some(Digest::of(&bytes))),
        Err(error) if error.is_not_found() && instead.is_none() => Ok(None),
        Err(error) => Err(error.into()),
    }
}
