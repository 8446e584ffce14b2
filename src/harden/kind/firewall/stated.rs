//! `stated = true`: the image loads the rules that its template's `[segment]` compiles to, and no others.
//!
//! What is loaded on an instance, the agent compares (`[verify.facts]`, `firewall`); this is about the
//! files that it loads them from.

use super::{UNIT, ruleset};
use crate::harden::kind::{Answer, Setting};
use crate::harden::{Edit, EditError, Root, ViewError};
use crate::path::Escaped;

/// What the template states is what is let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stated;

impl Setting for Stated {
    fn kind(&self) -> &'static str {
        "firewall"
    }

    fn about(&self) -> Vec<String> {
        let hooks = ["forward", "input", "output"];
        hooks.map(|hook| format!("firewall {hook}")).to_vec()
    }

    fn describe(&self) -> Vec<String> {
        vec![format!(
            "{UNIT} loads the rules that the template's [segment] compiles to, and no others"
        )]
    }

    /// The build has compiled them: what differs is somebody's own, which is seen, not undone.
    fn apply(&self, _: &mut Edit<'_>) -> Result<(), EditError> {
        Ok(())
    }

    fn check(&self, root: &Root<'_>, answer: &mut Answer) -> Result<(), ViewError> {
        let Some(stated) = root.stated() else {
            answer.not_applicable("what may reach what, the template says: name it by --template");
            return Ok(());
        };
        let Some(filter) = &stated.filter else {
            answer.not_applicable(
                "the template's [segment] states no category, or the template has rules of its own",
            );
            return Ok(());
        };
        let (loads, wanted) = (ruleset(root)?.path, Escaped(filter.path.as_bytes()));
        if loads != filter.path {
            let loads = Escaped(loads.as_bytes());
            answer.fail(format!("{UNIT}: loads {loads}; wanted: {wanted}"));
        }
        match root.text(&filter.path)? {
            None => answer.fail(format!("{wanted}: there is no such file")),
            Some(text) if text == filter.text => {}
            Some(text) => {
                let (number, line) = first_difference(&text, &filter.text);
                let line = Escaped(line.as_bytes());
                answer.fail(format!(
                    "{wanted}:{number}: `{line}` is not what [segment] compiles to; state the flow there"
                ));
            }
        }
        for directory in &filter.included {
            for name in root.names(directory)? {
                if let Ok(path) = directory.join(&name) {
                    let path = Escaped(path.as_bytes());
                    answer.fail(format!(
                        "{path}: is loaded as well; state the flow in [segment], or the file in [[files]]"
                    ));
                }
            }
        }
        Ok(())
    }

    #[cfg(test)]
    fn spoil(&self, edit: &mut Edit<'_>) -> Result<(), EditError> {
        let path = edit.look(ruleset)?.path;
        let text = edit.text(&path)?.unwrap_or_default();
        let text = text.replace("policy drop", "policy accept");
        edit.edit(&path, text.into_bytes())
    }
}

/// The first line of a text that differs from the other's, counted from 1; an empty one where lines at
/// the end are missing.
fn first_difference<'a>(text: &'a str, other: &str) -> (usize, &'a str) {
    let same = text.lines().zip(other.lines());
    let same = same.take_while(|(a, b)| a == b).count();
    let line = text.lines().nth(same).unwrap_or_default();
    (same.saturating_add(1), line.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_difference() {
        assert_eq!(first_difference("a\n b\n", "a\nc\n"), (2, "b"));
        assert_eq!(first_difference("a\n", "a\nc\n"), (2, ""));
        assert_eq!(first_difference("a\nb\n", "a\n"), (2, "b"));
    }
}
