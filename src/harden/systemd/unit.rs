//! What the files of a unit assign.

/// All assignments of a unit, in order: its file's, then its drop-ins'.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::harden) struct Unit(Vec<Assignment>);

/// One line of a unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Assignment {
    section: String,
    key: String,
    value: String,
}

impl Unit {
    /// The values of a key since it was last emptied, in order.
    pub(in crate::harden) fn values(&self, section: &str, key: &str) -> Vec<&str> {
        let mut values = Vec::new();
        for line in &self.0 {
            if line.section == section && line.key == key {
                if line.value.is_empty() {
                    values.clear();
                } else {
                    values.push(line.value.as_str());
                }
            }
        }
        values
    }

    /// All assignments of a key, those that empty it included.
    pub(in crate::harden) fn assignments(&self, section: &str, key: &str) -> Vec<&str> {
        let lines = self.0.iter();
        let lines = lines.filter(|line| line.section == section && line.key == key);
        lines.map(|line| line.value.as_str()).collect()
    }

    /// The same with one assignment more.
    pub(in crate::harden) fn with(&self, section: &str, key: &str, value: &str) -> Self {
        let mut unit = self.clone();
        unit.0.push(Assignment {
            section: section.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
        });
        unit
    }

    /// Adds the assignments of a file's text. As the service manager does, it reads no further where a
    /// line is no text, or the head of a section is broken.
    pub(in crate::harden) fn read(&mut self, text: &str) {
        let mut section = String::new();
        let mut line = String::new();
        let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
        // All three end a line there, as the end of the file does: none may hide what comes after it.
        for part in text.split(['\n', '\r', '\0']).chain([""]) {
            // A comment within a continued line is left out of it.
            if part.trim_start().starts_with(['#', ';']) {
                continue;
            }
            if let Some(start) = continued(part) {
                line.push_str(start);
                line.push(' ');
                continue;
            }
            line.push_str(part);
            let whole = std::mem::take(&mut line);
            let whole = whole.trim();
            if whole.contains(char::REPLACEMENT_CHARACTER) {
                return;
            }
            if let Some(head) = whole.strip_prefix('[') {
                let Some(name) = head.strip_suffix(']') else {
                    return;
                };
                name.clone_into(&mut section);
            } else if let Some((key, value)) = whole.split_once('=') {
                self.0.push(Assignment {
                    section: section.clone(),
                    key: key.trim().to_owned(),
                    value: value.trim().to_owned(),
                });
            }
        }
    }
}

/// The line without the backslash that continues it; two of them are one that does not.
fn continued(line: &str) -> Option<&str> {
    let start = line.strip_suffix('\\')?;
    let before = start.bytes().rev().take_while(|byte| *byte == b'\\');
    before.count().is_multiple_of(2).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_the_manager_reads_them() {
        let mut unit = Unit::default();
        unit.read(
            "# c\n[Unit]\nAfter=a \\\n; note\n  b\n[Service]\nUser = x\nUser=\nUser=y\nnonsense\n",
        );
        assert_eq!(unit.values("Unit", "After"), ["a    b"]);
        assert_eq!(unit.values("Service", "User"), ["y"]);
        assert_eq!(unit.assignments("Service", "User"), ["x", "", "y"]);
        assert!(unit.values("Unit", "User").is_empty());
    }
}
