//! What stands where it should not.

use super::is_excepted;
use crate::harden::kind::Answer;
use crate::harden::root::fixed;
use crate::harden::systemd::{Found, find, started};
use crate::harden::{NodeKind, Root, ViewError};
use crate::path::{Glob, ImagePath};

/// Programs by which new programs are made, or others taken apart.
const BUILD_TOOLS: [&str; 12] = [
    "/usr/bin/*-linux-gnu-gcc*",
    "/usr/bin/as",
    "/usr/bin/c++",
    "/usr/bin/cc",
    "/usr/bin/clang*",
    "/usr/bin/g++*",
    "/usr/bin/gcc*",
    "/usr/bin/gdb",
    "/usr/bin/ld",
    "/usr/bin/make",
    "/usr/bin/strace",
    "/var/cache/apt/archives/*.deb",
];

/// What one person or one machine left behind.
const SECRETS: [&str; 16] = [
    "/etc/ssh/ssh_host_*_key",
    "/home/*/.aws/credentials",
    "/home/*/.bash_history",
    "/home/*/.docker/config.json",
    "/home/*/.kube/config",
    "/home/*/.netrc",
    "/home/*/.pgpass",
    "/root/.aws/credentials",
    "/root/.bash_history",
    "/root/.docker/config.json",
    "/root/.kube/config",
    "/root/.netrc",
    "/root/.pgpass",
    "/root/.python_history",
    "/var/lib/systemd/credential.secret",
    "/var/lib/systemd/random-seed",
];

pub(super) fn build_tools(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    for path in matching(root, &BUILD_TOOLS, except)? {
        let shown = path.display();
        answer.fail(format!(
            "{shown}: is there; take out the package that has it"
        ));
    }
    Ok(())
}

pub(super) fn secrets(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    for path in matching(root, &SECRETS, except)? {
        let shown = path.display();
        answer.fail(format!(
            "{shown}: belongs to one machine or one person; remove it"
        ));
    }
    let path = fixed("/etc/machine-id");
    let text = root.text(&path)?.unwrap_or_default();
    // machine-id(5): empty, or this word, where the first boot makes one.
    if !matches!(text.trim(), "" | "uninitialized") && !is_excepted(except, &path) {
        let shown = path.display();
        answer.fail(format!(
            "{shown}: all instances would share it; leave it empty"
        ));
    }
    Ok(())
}

pub(super) fn enabled_units(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    for (name, link) in started(root)? {
        // A link that leads to no unit starts nothing, but would once a package brings one.
        let is_masked = matches!(find(root, &name, None)?, Found::Masked(_));
        if link.is_within(&fixed("/etc/systemd/system"))
            && !is_masked
            && !is_excepted(except, &link)
        {
            let (shown, name) = (link.display(), name.as_str());
            answer.fail(format!(
                "{shown}: starts {name}, which no rule names; disable it"
            ));
        }
    }
    Ok(())
}

/// The files that fit one of the patterns, and are not left out.
fn matching(
    root: &Root<'_>,
    patterns: &[&str],
    except: &[Glob],
) -> Result<Vec<ImagePath>, ViewError> {
    let mut found = Vec::new();
    for glob in patterns
        .iter()
        .filter_map(|pattern| Glob::parse(pattern).ok())
    {
        for (path, node) in root.glob(&glob)? {
            if node.kind != NodeKind::Directory && !is_excepted(except, &path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
