//! The numbers that apt gives to packages: its last resort among equals.

use std::collections::BTreeMap;

use super::world::fits;
use crate::deb::{RelationField, Universe};

/// Numbers names in the order in which apt's cache generator meets them: source by source, stanza by
/// stanza, the package itself first, then the names in its relation fields.
///
/// Of two providers that are equal in all else, apt takes the one with the higher number. The
/// indexes are read only as far as the names that are asked for need it.
pub(super) struct Numbers<'u> {
    universe: &'u Universe,
    architecture: &'u str,
    /// The next stanza to read.
    next: usize,
    by_name: BTreeMap<&'u str, usize>,
}

impl<'u> Numbers<'u> {
    pub(super) fn new(universe: &'u Universe, architecture: &'u str) -> Self {
        Self {
            universe,
            architecture,
            next: 0,
            by_name: BTreeMap::new(),
        }
    }

    /// The number of a name; none if no index mentions it.
    pub(super) fn of(&mut self, name: &str) -> Option<usize> {
        loop {
            if let Some(number) = self.by_name.get(name) {
                return Some(*number);
            }
            let record = self.universe.nth(self.next)?;
            self.next += 1;
            if !fits(record, self.architecture) {
                continue;
            }
            self.meet(record.name());
            for field in RelationField::ALL {
                names(record.relation_text(field)).for_each(|name| self.meet(name));
            }
        }
    }

    fn meet(&mut self, name: &'u str) {
        let number = self.by_name.len();
        self.by_name.entry(name).or_insert(number);
    }
}

/// The names in a relation field that mean packages of this architecture.
fn names(field: &str) -> impl Iterator<Item = &str> {
    field.split([',', '|']).filter_map(|alternative| {
        let alternative = alternative.trim_ascii_start();
        let end = alternative
            .find(|c: char| c.is_ascii_whitespace() || c == '(')
            .unwrap_or(alternative.len());
        let name = alternative.get(..end)?;
        (!name.is_empty() && !name.contains(':')).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_without_constraints_and_qualifiers() {
        let field = "a0 (>= 1), b0|c0 ( << 2 ),\n d0:any, e0(=1),";
        assert_eq!(names(field).collect::<Vec<_>>(), ["a0", "b0", "c0", "e0"]);
    }
}
