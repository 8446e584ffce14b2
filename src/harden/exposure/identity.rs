//! As whom a service runs: `User=` and `DynamicUser=`.

use crate::harden::systemd::{Unit, UnitName};

/// As whom a service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// As root.
    Root,
    /// As nobody, whose processes may be anybody's.
    Nobody,
    /// As an account of its own.
    Other,
}

impl Identity {
    pub(super) fn of(unit: &Unit, name: &UnitName, is_dynamic: bool) -> Self {
        let values = unit.assignments("Service", "User");
        let user = values.last().copied().unwrap_or_default();
        match (user, is_dynamic) {
            ("", true) => Self::Other,
            ("", false) => Self::Root,
            (user, _) => match expanded(user, name).as_deref() {
                // What is not known may be root.
                None | Some("root" | "0" | "") => Self::Root,
                Some("nobody") => Self::Nobody,
                Some(_) => Self::Other,
            },
        }
    }
}

/// The specifiers of systemd.unit(5) that names of accounts are made of; `None` for any other.
fn expanded(text: &str, name: &UnitName) -> Option<String> {
    let mut expanded = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            expanded.push(character);
            continue;
        }
        match characters.next()? {
            '%' => expanded.push('%'),
            'i' | 'I' => expanded.push_str(instance(name)),
            'p' | 'P' => expanded.push_str(name.prefix()),
            'j' | 'J' => expanded.push_str(name.prefix().rsplit('-').next().unwrap_or_default()),
            'u' => expanded.push_str("root"),
            'U' => expanded.push('0'),
            _ => return None,
        }
    }
    Some(expanded)
}

/// A template is measured as some instance of it.
fn instance(name: &UnitName) -> &str {
    match name.instance() {
        Some("") => "some",
        Some(instance) => instance,
        None => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        let of = |user: &str, name: &str, is_dynamic| {
            let unit = Unit::default().with("Service", "User", user);
            Identity::of(&unit, &UnitName::new(name).unwrap(), is_dynamic)
        };
        assert_eq!(of("", "a.service", false), Identity::Root);
        assert_eq!(of("", "a.service", true), Identity::Other);
        assert_eq!(of("root", "a.service", true), Identity::Root);
        assert_eq!(of("nobody", "a.service", false), Identity::Nobody);
        assert_eq!(of("%i", "a@.service", false), Identity::Other);
        assert_eq!(of("%i", "a@0.service", false), Identity::Root);
        assert_eq!(of("%p", "root.service", false), Identity::Root);
        assert_eq!(of("x%j", "a-root.service", false), Identity::Other);
        assert_eq!(of("%H", "a.service", false), Identity::Root);
    }
}
