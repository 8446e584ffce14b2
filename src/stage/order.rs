//! In which order packages are unpacked and their scripts run: deb-control(5) relations, by name.
//!
//! The lock's set is consistent already, so versions need not be looked at again: what matters is
//! who comes before whom.

use std::collections::{BTreeMap, BTreeSet};

use crate::deb::archive::Control;

/// The two rounds of a configuration, each in script order; numbers are places in the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// Essential packages and all that they depend on: unpacked together, since they need each
    /// other to run a single script.
    pub(super) base: Vec<usize>,
    /// All others, dependencies first.
    pub(super) rest: Vec<usize>,
    /// Those of `rest` that must be configured before a `preinst` of another may run.
    pub(super) first: Vec<usize>,
}

impl Order {
    /// Those of `rest` that are not in `first`.
    pub(super) fn last(&self) -> Vec<usize> {
        let last = self.rest.iter().filter(|at| !self.first.contains(at));
        last.copied().collect()
    }
}

/// Packages that come before all others: they bring the first directories and the first users.
const FOREMOST: [&str; 2] = ["base-files", "base-passwd"];

pub(super) fn order(controls: &[&Control]) -> Order {
    let graph = Graph::new(controls);
    let essential = |control: &Control| control.field("essential") == "yes";
    let roots: Vec<usize> = graph.select(|control| essential(control));
    let base: BTreeSet<usize> = graph.closure(&roots);
    let rest: BTreeSet<usize> = (0..controls.len())
        .filter(|at| !base.contains(at))
        .collect();
    let scripted: Vec<usize> = graph.select(|control| control.member("preinst").is_some());
    let pre_depended: Vec<usize> = scripted
        .iter()
        .filter(|at| rest.contains(at))
        .filter_map(|at| graph.pre_depends.get(*at))
        .flatten()
        .copied()
        .collect();
    let first: BTreeSet<usize> = graph.closure(&pre_depended);
    let sorted = graph.sorted();
    let pick = |set: &dyn Fn(usize) -> bool| -> Vec<usize> {
        sorted.iter().copied().filter(|at| set(*at)).collect()
    };
    Order {
        base: pick(&|at| base.contains(&at)),
        rest: pick(&|at| rest.contains(&at)),
        first: pick(&|at| rest.contains(&at) && first.contains(&at)),
    }
}

/// The names that a relation field mentions, group by group: `a (>= 1) | b, c:any`.
fn names(relation: &str) -> impl Iterator<Item = impl Iterator<Item = &str>> {
    relation.split(',').map(|group| {
        group.split('|').filter_map(|alternative| {
            let alternative = alternative.trim_start();
            let end = alternative
                .find(|character: char| character.is_whitespace() || "(:[<".contains(character))
                .unwrap_or(alternative.len());
            alternative.get(..end).filter(|name| !name.is_empty())
        })
    })
}

/// A step of a walk that goes into what a package needs before the package itself.
enum Visit {
    Enter(usize),
    Leave(usize),
}

struct Graph<'a> {
    controls: &'a [&'a Control],
    pre_depends: Vec<Vec<usize>>,
    depends: Vec<Vec<usize>>,
}

impl<'a> Graph<'a> {
    fn new(controls: &'a [&'a Control]) -> Self {
        let mut providers: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, control) in controls.iter().enumerate() {
            for name in names(control.field("provides")).flatten() {
                providers.entry(name).or_insert(at);
            }
        }
        // A real package counts before one that provides its name.
        for (at, control) in controls.iter().enumerate() {
            providers.insert(control.field("package"), at);
        }
        let targets = |field: &str| -> Vec<Vec<usize>> {
            controls
                .iter()
                .map(|control| {
                    names(control.field(field))
                        .filter_map(|mut group| group.find_map(|name| providers.get(name)))
                        .copied()
                        .collect()
                })
                .collect()
        };
        Self {
            controls,
            pre_depends: targets("pre-depends"),
            depends: targets("depends"),
        }
    }

    fn select(&self, mut wanted: impl FnMut(&Control) -> bool) -> Vec<usize> {
        let numbered = self.controls.iter().enumerate();
        numbered
            .filter(|(_, control)| wanted(control))
            .map(|(at, _)| at)
            .collect()
    }

    fn targets(&self, at: usize) -> impl Iterator<Item = usize> {
        let of = |lists: &'_ [Vec<usize>]| lists.get(at).cloned().unwrap_or_default();
        of(&self.pre_depends).into_iter().chain(of(&self.depends))
    }

    /// `roots` and all that they need.
    fn closure(&self, roots: &[usize]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut pending = roots.to_vec();
        while let Some(at) = pending.pop() {
            if found.insert(at) {
                pending.extend(self.targets(at));
            }
        }
        found
    }

    /// All packages, what one needs before it; by name where nothing else decides.
    fn sorted(&self) -> Vec<usize> {
        let name = |at: &usize| {
            self.controls
                .get(*at)
                .map_or("", |control| control.field("package"))
        };
        let rank = |at: &usize| {
            FOREMOST
                .iter()
                .position(|first| *first == name(at))
                .unwrap_or(9)
        };
        let mut starts: Vec<usize> = (0..self.controls.len()).collect();
        starts.sort_by(|a, b| (rank(a), name(a)).cmp(&(rank(b), name(b))));
        let foremost: Vec<usize> = starts.iter().copied().filter(|at| rank(at) < 9).collect();
        let mut seen: BTreeSet<usize> = foremost.iter().copied().collect();
        let mut sorted = foremost;
        // Depth first with a stack of its own: a chain of dependencies may be as long as it likes.
        let mut pending: Vec<Visit> = starts.into_iter().rev().map(Visit::Enter).collect();
        while let Some(visit) = pending.pop() {
            match visit {
                Visit::Enter(at) if seen.insert(at) => {
                    pending.push(Visit::Leave(at));
                    let mut targets: Vec<usize> = self.targets(at).collect();
                    targets.sort_by(|a, b| name(b).cmp(name(a)));
                    pending.extend(targets.into_iter().map(Visit::Enter));
                }
                Visit::Enter(_) => {}
                Visit::Leave(at) => sorted.push(at),
            }
        }
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(text: &str) -> Control {
        Control::parse(&format!("Version: 1\nArchitecture: all\n{text}\n")).unwrap()
    }

    fn order_of(stanzas: &[&str]) -> (Vec<String>, Vec<String>) {
        let controls: Vec<Control> = stanzas.iter().map(|text| control(text)).collect();
        let refs: Vec<&Control> = controls.iter().collect();
        let order = order(&refs);
        let names = |list: &[usize]| {
            list.iter()
                .map(|at| controls[*at].field("package").to_owned())
                .collect()
        };
        (names(&order.base), names(&order.rest))
    }

    #[test]
    fn relations() {
        let names: Vec<Vec<&str>> = names("a (>= 1) | b:any, c [amd64] <!x>,d")
            .map(Iterator::collect)
            .collect();
        assert_eq!(names, [vec!["a", "b"], vec!["c"], vec!["d"]]);
    }

    #[test]
    fn essential_packages_bring_what_they_need() {
        let (base, rest) = order_of(&[
            "Package: zsh\nDepends: libz",
            "Package: dash\nEssential: yes\nPre-Depends: libc6\nDepends: awk",
            "Package: libz",
            "Package: mawk\nProvides: awk",
            "Package: base-passwd\nEssential: yes\nDepends: libc6",
            "Package: libc6",
        ]);
        assert_eq!(base, ["base-passwd", "libc6", "mawk", "dash"]);
        assert_eq!(rest, ["libz", "zsh"]);
    }

    #[test]
    fn circles_end() {
        let (_, rest) = order_of(&["Package: a\nDepends: b", "Package: b\nDepends: a"]);
        assert_eq!(rest, ["b", "a"]);
    }
}
