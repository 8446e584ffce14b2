//! The `[Install]` section of units (systemd.unit(5)).

/// What `[Install]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Install {
    pub(super) wanted_by: Vec<String>,
    pub(super) required_by: Vec<String>,
    pub(super) upheld_by: Vec<String>,
    pub(super) alias: Vec<String>,
    pub(super) also: Vec<String>,
    pub(super) default_instance: Option<String>,
}

impl Install {
    /// Reads a unit file; what is no `[Install]` line does not matter here.
    pub(super) fn parse(text: &str) -> Self {
        let mut install = Self::default();
        let mut inside = false;
        for line in logical_lines(text) {
            if let Some(section) = line
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'))
            {
                inside = section == "Install";
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| inside) else {
                continue;
            };
            let value = value.trim();
            let list = match key.trim_end() {
                "WantedBy" => &mut install.wanted_by,
                "RequiredBy" => &mut install.required_by,
                "UpheldBy" => &mut install.upheld_by,
                "Alias" => &mut install.alias,
                "Also" => &mut install.also,
                "DefaultInstance" => {
                    install.default_instance = (!value.is_empty()).then(|| value.to_owned());
                    continue;
                }
                _ => continue,
            };
            // An empty assignment resets the list (systemd.syntax(7)).
            if value.is_empty() {
                list.clear();
            }
            let words = value.split_ascii_whitespace();
            list.extend(words.map(|word| word.trim_matches(['"', '\'']).to_owned()));
        }
        install
    }

    /// Whether there is nothing to enable by.
    pub(super) fn is_empty(&self) -> bool {
        let lists = [
            &self.wanted_by,
            &self.required_by,
            &self.upheld_by,
            &self.alias,
            &self.also,
        ];
        lists.iter().all(|list| list.is_empty())
    }
}

/// Lines without comments; a backslash at the end continues on the next line, comments in between
/// are left out (systemd.syntax(7)).
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with(['#', ';']) {
            continue;
        }
        let mut whole = open.take().unwrap_or_default();
        if let Some(part) = trimmed.strip_suffix('\\') {
            whole.push_str(part);
            whole.push(' ');
            open = Some(whole);
        } else {
            whole.push_str(trimmed);
            lines.push(whole);
        }
    }
    lines.extend(open);
    lines
}

/// A unit's name and its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) whole: &'a str,
    /// Before `@`, or before the suffix.
    pub(super) prefix: &'a str,
    /// Between `@` and the suffix; empty for a template itself, `None` for a plain unit.
    pub(super) instance: Option<&'a str>,
    pub(super) suffix: &'a str,
}

impl<'a> Name<'a> {
    pub(super) fn of(whole: &'a str) -> Self {
        let (stem, suffix) = whole.rsplit_once('.').unwrap_or((whole, ""));
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance)),
            None => (stem, None),
        };
        Self {
            whole,
            prefix,
            instance,
            suffix,
        }
    }

    /// Whether it is a template without an instance.
    pub(super) fn is_template(&self) -> bool {
        self.instance == Some("")
    }

    /// The template of an instance.
    pub(super) fn template(&self) -> Option<String> {
        self.instance
            .map(|_| format!("{}@.{}", self.prefix, self.suffix))
    }

    /// This template with an instance.
    pub(super) fn with_instance(&self, instance: &str) -> String {
        format!("{}@{instance}.{}", self.prefix, self.suffix)
    }

    /// Replaces the specifiers that are known before boot; `None` where there is another.
    pub(super) fn expand(&self, word: &str) -> Option<String> {
        let mut out = String::with_capacity(word.len());
        let mut characters = word.chars();
        while let Some(character) = characters.next() {
            if character != '%' {
                out.push(character);
                continue;
            }
            match characters.next()? {
                '%' => out.push('%'),
                'i' => out.push_str(self.instance.unwrap_or_default()),
                'j' => out.push_str(self.prefix.rsplit('-').next().unwrap_or_default()),
                'n' => out.push_str(self.whole),
                'N' => out.push_str(self.whole.strip_suffix(&format!(".{}", self.suffix))?),
                'p' => out.push_str(self.prefix),
                _ => return None,
            }
        }
        Some(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_comments_and_resets() {
        let text = "WantedBy=no.target\n[Install]\nWantedBy = a.target \\\n# between\n  b.target\n\
                    Also=x.socket\n;Also=c\nAlso=\nAlso=\"y.socket\"\n[Service]\nWantedBy=no.target\n";
        let install = Install::parse(text);
        assert_eq!(install.wanted_by, ["a.target", "b.target"]);
        assert_eq!(install.also, ["y.socket"]);
    }

    #[test]
    fn specifiers() {
        let name = Name::of("foo-bar@baz.service");
        for (word, expanded) in [
            ("%i.target", Some("baz.target")),
            ("%p", Some("foo-bar")),
            ("%j", Some("bar")),
            ("%n", Some("foo-bar@baz.service")),
            ("%N", Some("foo-bar@baz")),
            ("100%%", Some("100%")),
            ("%H.target", None),
            ("%", None),
        ] {
            assert_eq!(name.expand(word).as_deref(), expanded, "{word}");
        }
    }
}
