//! Names of units.

/// The name of a unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::harden) struct UnitName(String);

impl UnitName {
    /// The rule, for people.
    pub(in crate::harden) const RULE: &'static str =
        "a unit's name is of A-Z a-z 0-9 : - _ . \\ @ and ends as a type of unit, such as .service";

    /// Takes a name.
    pub(in crate::harden) fn new(text: &str) -> Option<Self> {
        const TYPES: [&str; 8] = [
            "service",
            "socket",
            "timer",
            "path",
            "target",
            "mount",
            "automount",
            "slice",
        ];
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
        let (stem, kind) = text.rsplit_once('.')?;
        let fits = text.len() <= 255
            && !stem.is_empty()
            && !stem.starts_with(['@', '.'])
            && text.bytes().all(plain)
            && TYPES.contains(&kind);
        fits.then(|| Self(text.to_owned()))
    }

    /// The name.
    pub(in crate::harden) fn as_str(&self) -> &str {
        &self.0
    }

    /// The names under which files speak for this unit: its own, then its template's.
    pub(super) fn names(&self) -> Vec<String> {
        let template = template(&self.0).filter(|template| *template != self.0);
        std::iter::once(self.0.clone()).chain(template).collect()
    }

    /// Whether `name` is this unit, or an instance of this template.
    pub(in crate::harden) fn covers(&self, name: &str) -> bool {
        self.0 == name || template(name).is_some_and(|template| template == self.0)
    }

    /// The type: `service`.
    pub(in crate::harden) fn kind(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, kind)| kind)
    }

    /// What stands between `@` and the type; `None` where there is no `@`.
    pub(in crate::harden) fn instance(&self) -> Option<&str> {
        let (stem, _) = self.0.rsplit_once('.')?;
        stem.split_once('@').map(|(_, instance)| instance)
    }

    /// What stands before `@` or the type.
    pub(in crate::harden) fn prefix(&self) -> &str {
        let stem = self.0.rsplit_once('.').map_or("", |(stem, _)| stem);
        stem.split_once('@').map_or(stem, |(prefix, _)| prefix)
    }

    /// The unit that a link of this name's file to `target` names, where that is another one.
    pub(super) fn led_to(&self, target: &[u8]) -> Option<Self> {
        let base = target.rsplit(|byte| *byte == b'/').next()?;
        let led = Self::new(std::str::from_utf8(base).ok()?)?;
        let led = match (led.instance(), self.instance()) {
            (Some(""), Some(instance)) => {
                Self::new(&format!("{}@{instance}.{}", led.prefix(), led.kind()))?
            }
            _ => led,
        };
        (!self.names().contains(&led.0)).then_some(led)
    }
}

/// The template of an instance: `getty@.service` of `getty@tty1.service`.
pub(super) fn template(name: &str) -> Option<String> {
    let (stem, _) = name.split_once('@')?;
    let (_, kind) = name.rsplit_once('.')?;
    Some(format!("{stem}@.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_units() {
        for good in [
            "ssh.service",
            "postgresql@.service",
            "a@b-c.d.socket",
            "x\\x2dy.mount",
        ] {
            assert!(UnitName::new(good).is_some(), "{good}");
        }
        for bad in [
            "ssh",
            ".service",
            "@.service",
            "a/b.service",
            "a.exe",
            "a b.service",
            "",
        ] {
            assert!(UnitName::new(bad).is_none(), "{bad}");
        }
        let instance = UnitName::new("a@b.service").unwrap();
        assert_eq!(instance.names(), ["a@b.service", "a@.service"]);
    }
}
