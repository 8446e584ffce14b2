//! `kind = "scan"`: looks over the whole tree.
//!
//! ```toml
//! what = "world-writable"         # see the table
//! except = ["/var/spool/x"]       # globs of paths that are left out, or names of units
//! ```
//!
//! | what | holds where | sets |
//! |---|---|---|
//! | `world-writable` | no file may be written by everybody, directories only with the sticky bit | modes |
//! | `unowned` | each owner and group has a name | nothing |
//! | `system-dirs` | programs, libraries and what is above them are root's, and nobody else may write them | owners, modes |
//! | `private-keys` | no file of the image holds a private key | nothing |
//! | `secrets` | no histories, tokens, seeds or identity of one machine | nothing |
//! | `apt-sources` | each source of apt is signed, with a key of its own, and nothing is trusted unseen | nothing |
//! | `build-tools` | no compiler, debugger, or cache of packages | nothing |
//! | `enabled-units` | what starts by a link in `/etc/systemd/system` is the template's, a rule's, of the system itself, or in `except` | nothing |
//! | `listening` | the sockets that systemd opens at boot are in the template's `listen`, as is what listens on an instance | nothing |
//! | `package-files` | no script of a package changed a file that a package brought | nothing |
//! | `banners` | what is shown before a login says neither system nor version | nothing |

mod content;
mod listening;
mod place;
mod stat;

use std::sync::Arc;

use super::absent::globs;
use super::{Answer, Phase, Setting};
use crate::expect::Facts;
use crate::expect::fact::Listen;
use crate::harden::{Edit, EditError, Root, RuleId, ViewError};
use crate::path::{Glob, ImagePath};
use crate::written::Choice;
use crate::written::reader::Reader;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Scan {
    what: What,
    except: Vec<Glob>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    AptSources,
    Banners,
    BuildTools,
    EnabledUnits,
    Listening,
    PackageFiles,
    PrivateKeys,
    Secrets,
    SystemDirs,
    Unowned,
    WorldWritable,
}

impl Choice for What {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("apt-sources", Self::AptSources),
        ("banners", Self::Banners),
        ("build-tools", Self::BuildTools),
        ("enabled-units", Self::EnabledUnits),
        ("listening", Self::Listening),
        ("package-files", Self::PackageFiles),
        ("private-keys", Self::PrivateKeys),
        ("secrets", Self::Secrets),
        ("system-dirs", Self::SystemDirs),
        ("unowned", Self::Unowned),
        ("world-writable", Self::WorldWritable),
    ];
}

pub(super) fn parse(table: &Reader<'_>) -> Option<Arc<dyn Setting>> {
    if !table.has("what") {
        table.missing("what", None);
    }
    let what = table.choice::<What>("what");
    let except = globs(table, "except");
    let what = what?.value;
    Some(Arc::new(Scan { what, except }))
}

/// Whether a path is left out.
fn is_excepted(except: &[Glob], path: &ImagePath) -> bool {
    except.iter().any(|glob| glob.matches(path))
}

impl Setting for Scan {
    fn kind(&self) -> &'static str {
        "scan"
    }

    fn about(&self) -> Vec<String> {
        let word = What::WORDS.iter().find(|(_, what)| *what == self.what);
        vec![format!("scan {}", word.map_or("", |(word, _)| *word))]
    }

    fn describe(&self) -> Vec<String> {
        let text = match self.what {
            What::AptSources => "each source of apt is signed with a key of its own",
            What::Banners => "what is shown before a login says neither system nor version",
            What::BuildTools => "there is no compiler, debugger or cache of packages",
            What::EnabledUnits => "what starts by itself was asked for",
            What::Listening => "nothing listens that the template does not state",
            What::PackageFiles => "files of packages are as the packages brought them",
            What::PrivateKeys => "no file holds a private key",
            What::Secrets => "there is no history, token, seed or identity of one machine",
            What::SystemDirs => "programs and libraries are root's, who alone may write them",
            What::Unowned => "each owner and group has a name",
            What::WorldWritable => "nothing may be written by everybody",
        };
        let names: Vec<&str> = self.except.iter().map(Glob::as_str).collect();
        vec![if names.is_empty() {
            text.to_owned()
        } else {
            format!("{text}, but for {}", names.join(", "))
        }]
    }

    fn phase(&self) -> Phase {
        Phase::Stat
    }

    fn apply(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        match self.what {
            What::SystemDirs => stat::close_system(edit, &self.except),
            What::WorldWritable => stat::close_world(edit, &self.except),
            What::AptSources
            | What::Banners
            | What::BuildTools
            | What::EnabledUnits
            | What::Listening
            | What::PackageFiles
            | What::PrivateKeys
            | What::Secrets
            | What::Unowned => Ok(()),
        }
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        match self.what {
            What::AptSources => content::apt_sources(root, &self.except, answer),
            What::Banners => content::banners(root, &self.except, answer),
            What::BuildTools => place::build_tools(root, &self.except, answer),
            What::EnabledUnits => place::enabled_units(root, &self.except, answer),
            What::Listening => listening::listening(root, &self.except, answer),
            What::PackageFiles => place::package_files(root, &self.except, answer),
            What::PrivateKeys => content::private_keys(root, &self.except, answer),
            What::Secrets => place::secrets(root, &self.except, answer),
            What::SystemDirs => stat::system_dirs(root, &self.except, answer),
            What::Unowned => stat::unowned(root, &self.except, answer),
            What::WorldWritable => stat::world_writable(root, &self.except, answer),
        }
    }

    fn facts(&self, rule: &RuleId, root: &Root<'_>, facts: &mut Facts) -> Result<(), ViewError> {
        if let (What::Listening, None) = (self.what, &facts.listen) {
            let stated = root.stated().and_then(|stated| stated.listen.as_ref());
            facts.listen = stated.map(|allow| Listen {
                allow: allow.clone(),
                origin: rule.origin(),
            });
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        use crate::harden::Owned;
        use crate::harden::root::fixed;
        use crate::tree::{Mode, Origin};
        if let What::EnabledUnits | What::Listening | What::PackageFiles = self.what {
            // As a package's script would, not as the rule.
            let script = Origin::Script("by-hand".to_owned());
            let (path, text) = match self.what {
                What::EnabledUnits => ("/etc/systemd/system/by-hand.service", "[Service]\n"),
                What::Listening => (
                    "/etc/systemd/system/by-hand.socket",
                    "[Socket]\nListenStream=4444\n",
                ),
                _ => ("/var/lib/dpkg/info/by-hand.md5sums", "0  usr/bin/by-hand\n"),
            };
            edit.put(
                &fixed(path),
                text.as_bytes().to_vec(),
                Owned::root(Mode::FILE),
            )?;
            let made = match self.what {
                What::EnabledUnits => fixed("/etc/systemd/system/a.wants/by-hand.service"),
                What::Listening => fixed("/etc/systemd/system/a.wants/by-hand.socket"),
                _ => fixed("/usr/bin/by-hand"),
            };
            edit.put(&made, b"x".to_vec(), Owned::root(Mode::FILE))?;
            edit.set_origin(&made, script);
            return Ok(());
        }
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\n";
        let (path, text, mode, uid) = match self.what {
            What::AptSources => (
                "/etc/apt/sources.list",
                "deb [trusted=yes] http://a b c\n",
                0o644,
                0,
            ),
            What::Banners => ("/etc/issue", "\\s \\r\n", 0o644, 0),
            What::BuildTools => ("/usr/bin/gcc", "", 0o755, 0),
            What::EnabledUnits | What::Listening | What::PackageFiles => ("/opt/x", "", 0o644, 0),
            What::PrivateKeys => ("/etc/ssl/by-hand.pem", key, 0o600, 0),
            What::Secrets => ("/root/.bash_history", "ls\n", 0o600, 0),
            What::SystemDirs => ("/usr/bin/by-hand", "", 0o775, 0),
            What::Unowned => ("/opt/by-hand", "", 0o644, 54_321),
            What::WorldWritable => ("/opt/by-hand", "", 0o666, 0),
        };
        let owned = Owned {
            mode: Mode::of_st_mode(mode),
            uid,
            gid: 0,
        };
        edit.put(&fixed(path), text.as_bytes().to_vec(), owned)
    }
}
