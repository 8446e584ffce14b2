//! What depmod(8) found out about a kernel's modules: modules.dep(5), modules.softdep,
//! modules.alias and modules.builtin, by name.
//!
//! `-` and `_` are the same in the names of modules; here they are written with `_`.

use std::collections::{BTreeMap, BTreeSet};

use super::InitrdError;
use crate::limits;

/// The modules of one kernel.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    modules: BTreeMap<String, Entry>,
    /// What shall be loaded before a module, if it is there: its `pre:` soft dependencies.
    before: BTreeMap<String, Vec<String>>,
    /// Names that stand for modules, such as `crypto-crc32c`.
    aliases: BTreeMap<String, Vec<String>>,
    builtin: BTreeSet<String>,
}

/// One module.
#[derive(Clone, Debug)]
struct Entry {
    /// Its file, relative to the kernel's directory.
    path: String,
    /// What it needs, in the order in which that is loaded.
    needs: Vec<String>,
}

/// A rule that a line broke: the line's number, from 1, and the rule.
pub(super) type Broken = (usize, &'static str);

impl Index {
    /// Reads modules.dep: `kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/fs/mbcache.ko`;
    /// what is needed stands there in full, what comes first last.
    pub(super) fn dependencies(&mut self, text: &str) -> Result<(), Broken> {
        for (number, line) in numbered(text) {
            let (path, needs) = line
                .split_once(':')
                .ok_or((number, "a line is PATH: PATH…"))?;
            let name = name_of(path).ok_or((number, "a module's file is called NAME.ko"))?;
            let needs = needs
                .split_ascii_whitespace()
                .rev()
                .map(name_of)
                .collect::<Option<Vec<_>>>()
                .ok_or((number, "a module's file is called NAME.ko"))?;
            if needs.contains(&name) {
                return Err((number, "a module cannot need itself"));
            }
            let path = path.trim().to_owned();
            self.modules.insert(name, Entry { path, needs });
        }
        Ok(())
    }

    /// Reads modules.softdep: `softdep NAME pre: NAME… post: NAME…`. What comes after is nobody's
    /// need.
    pub(super) fn soft_dependencies(&mut self, text: &str) -> Result<(), Broken> {
        for (number, line) in numbered(text) {
            let mut words = line.split_ascii_whitespace();
            if words.next() != Some("softdep") {
                return Err((number, "a line is softdep NAME pre: NAME… post: NAME…"));
            }
            let name = words.next().map(normal);
            let name = name.ok_or((number, "a line is softdep NAME pre: NAME… post: NAME…"))?;
            let before = words
                .skip_while(|word| *word != "pre:")
                .skip(1)
                .take_while(|word| *word != "post:")
                .map(normal);
            self.before.entry(name).or_default().extend(before);
        }
        Ok(())
    }

    /// Reads modules.alias: `alias PATTERN NAME`. Patterns are for hardware; those that are names
    /// are what other modules ask for.
    pub(super) fn aliases(&mut self, text: &str) -> Result<(), Broken> {
        for (number, line) in numbered(text) {
            let words = line.split_ascii_whitespace().collect::<Vec<_>>();
            let ["alias", pattern, name] = words.as_slice() else {
                return Err((number, "a line is alias PATTERN NAME"));
            };
            if !pattern.contains(['*', '?', '[']) {
                let names = self.aliases.entry(normal(pattern)).or_default();
                names.push(normal(name));
            }
        }
        Ok(())
    }

    /// Reads modules.builtin: `kernel/fs/binfmt_script.ko`.
    pub(super) fn built_in(&mut self, text: &str) -> Result<(), Broken> {
        for (number, line) in numbered(text) {
            let name = name_of(line).ok_or((number, "a module's file is called NAME.ko"))?;
            self.builtin.insert(name);
        }
        Ok(())
    }

    pub(super) fn is_built_in(&self, name: &str) -> bool {
        self.builtin.contains(name)
    }

    /// The file of a module.
    pub(super) fn path(&self, name: &str) -> Option<&str> {
        self.modules.get(name).map(|entry| entry.path.as_str())
    }

    /// Adds a module to `order`, behind all that must be loaded before it; what is there already is
    /// not added again. Nothing where there is no such module.
    pub(super) fn load(&self, name: &str, order: &mut Order) -> Result<(), InitrdError> {
        let Some(entry) = self.modules.get(name) else {
            return Ok(());
        };
        if !order.begun.insert(name.to_owned()) {
            return Ok(());
        }
        order.depth = order.depth.saturating_add(1);
        if order.depth > limits::MODULE_DEPTH_MAX {
            return Err(InitrdError::Depth(name.to_owned()));
        }
        for wanted in self.before.get(name).into_iter().flatten() {
            self.load(wanted, order)?;
            // One name may stand for several: the same algorithm for several processors.
            for real in self.aliases.get(wanted).into_iter().flatten() {
                self.load(real, order)?;
            }
        }
        for needed in &entry.needs {
            self.load(needed, order)?;
        }
        order.depth = order.depth.saturating_sub(1);
        order.names.push(name.to_owned());
        Ok(())
    }
}

/// Modules in the order in which they are loaded.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The order so far.
    pub(super) names: Vec<String>,
    begun: BTreeSet<String>,
    depth: usize,
}

/// The lines that say something, with their numbers.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
}

fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// The module that a file holds: `kernel/drivers/md/dm-verity.ko.xz` is `dm_verity`.
fn name_of(path: &str) -> Option<String> {
    let file = path.trim().rsplit('/').next()?;
    let (name, suffix) = file.split_once(".ko")?;
    let known = ["", ".gz", ".xz", ".zst"].contains(&suffix);
    (known && !name.is_empty()).then(|| normal(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> Index {
        let mut index = Index::default();
        index
            .dependencies(
                "# made by depmod\n\
                 kernel/fs/ext4.ko: kernel/fs/jbd2.ko kernel/lib/crc16.ko\n\
                 kernel/fs/jbd2.ko: kernel/lib/crc16.ko\n\
                 kernel/lib/crc16.ko:\n\
                 kernel/lib/libcrc32c.ko.xz:\n\
                 kernel/crypto/crc32c_generic.ko.zst:\n\
                 kernel/arch/crc32c-intel.ko:\n",
            )
            .unwrap();
        index
            .soft_dependencies(
                "softdep ext4 pre: crc32c post: other\nsoftdep libcrc32c pre: crc32c\n",
            )
            .unwrap();
        index
            .aliases(
                "alias crc32c crc32c_generic\nalias crc32c crc32c_intel\nalias pci:v*d* ext4\n",
            )
            .unwrap();
        index
    }

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let mut order = Order::default();
        index().load("ext4", &mut order).unwrap();
        index().load("libcrc32c", &mut order).unwrap();
        index().load("absent", &mut order).unwrap();
        let expected = [
            "crc32c_generic",
            "crc32c_intel",
            "crc16",
            "jbd2",
            "ext4",
            "libcrc32c",
        ];
        assert_eq!(order.names, expected);
        assert_eq!(
            index().path("libcrc32c"),
            Some("kernel/lib/libcrc32c.ko.xz")
        );
    }

    #[test]
    fn lists_that_say_something_else() {
        let mut index = Index::default();
        assert_eq!(index.dependencies("a.ko:\nb.ko").unwrap_err().0, 2);
        assert_eq!(index.dependencies("a.so:").unwrap_err().0, 1);
        assert_eq!(index.dependencies("a.ko: b").unwrap_err().0, 1);
        assert_eq!(index.dependencies("a.ko: b.ko a.ko").unwrap_err().0, 1);
        assert_eq!(index.soft_dependencies("\nharddep a").unwrap_err().0, 2);
        assert_eq!(index.soft_dependencies("softdep").unwrap_err().0, 1);
        assert_eq!(index.aliases("alias a").unwrap_err().0, 1);
        assert_eq!(index.built_in("a").unwrap_err().0, 1);
    }

    #[test]
    fn a_circle_ends_and_a_long_row_is_refused() {
        let mut index = Index::default();
        index.dependencies("a.ko:\nb.ko:\n").unwrap();
        index
            .soft_dependencies("softdep a pre: b\nsoftdep b pre: a\n")
            .unwrap();
        let mut order = Order::default();
        index.load("a", &mut order).unwrap();
        assert_eq!(order.names, ["b", "a"]);

        let mut index = Index::default();
        for number in 0..=limits::MODULE_DEPTH_MAX {
            let text = format!("m{number}.ko: m{}.ko\n", number + 1);
            index.dependencies(&text).unwrap();
        }
        let refused = index.load("m0", &mut Order::default());
        assert!(matches!(refused, Err(InitrdError::Depth(_))));
    }
}
