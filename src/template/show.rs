//! A resolved template as TOML, for people: each inherited item with the file that states it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::model::Template;

impl Template {
    /// The resolved template as TOML. Files stand there by digest, so this is for reading and
    /// comparing, not for building.
    pub fn to_toml(&self) -> String {
        let mut out = Writer {
            template: self,
            text: String::new(),
        };
        let chain: Vec<String> = self
            .chain
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        out.comment(&format!("resolved from {}", chain.join(", which extends ")));
        out.comment(&format!("template sha256:{}", self.digest()));
        let json = self.to_json();
        out.packages();
        for section in SECTIONS {
            match json.get(section) {
                Some(Value::Object(map)) => out.table(section, map),
                Some(Value::Array(entries)) => out.tables(section, entries),
                _ => {}
            }
        }
        out.text
    }
}

/// The order in which sections are shown.
const SECTIONS: &[&str] = &[
    "image", "source", "files", "groups", "users", "services", "kernel", "disk", "harden",
    "segment", "verify", "outputs",
];

/// Keys that tell a table of a list from its neighbours.
const IDS: &[&str] = &["name", "path", "point", "service", "to"];

struct Writer<'a> {
    template: &'a Template,
    text: String,
}

impl Writer<'_> {
    fn comment(&mut self, text: &str) {
        let text: String = text
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        let _infallible = writeln!(self.text, "# {text}");
    }

    /// The file that states an item, where it is not the template itself.
    fn inherited(&self, key: &str) -> String {
        let file = self.template.provenance.get(key).copied().unwrap_or(0);
        match self.template.chain.get(file) {
            Some(path) if file > 0 => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                format!(" # {}", name.escape_default())
            }
            _ => String::new(),
        }
    }

    fn packages(&mut self) {
        self.text.push_str("packages = [\n");
        for spec in &self.template.packages {
            let version = spec.version.as_ref();
            let version = version.map_or_else(String::new, |version| format!("={version}"));
            let from = self.inherited(&format!("packages {}", spec.name));
            let _infallible = writeln!(self.text, "    \"{}{version}\",{from}", spec.name);
        }
        self.text.push_str("]\n");
    }

    fn table(&mut self, name: &str, map: &Map<String, Value>) {
        if map.values().all(is_blank) {
            return;
        }
        let _infallible = writeln!(self.text, "\n[{name}]");
        self.keys(name, map);
        for (key, value) in map {
            let name = format!("{name}.{}", key_text(key));
            match value {
                Value::Array(entries) if is_tables(entries) => self.tables(&name, entries),
                Value::Object(inner) if !is_small(inner) => self.table(&name, inner),
                _ => {}
            }
        }
    }

    fn tables(&mut self, name: &str, entries: &[Value]) {
        for entry in entries {
            let Value::Object(map) = entry else { continue };
            let id = IDS.iter().find_map(|key| map.get(*key)?.as_str());
            let section = name.rsplit('.').next().unwrap_or_default();
            let from = self.inherited(&format!("{section} {}", id.unwrap_or_default()));
            let _infallible = writeln!(self.text, "\n[[{name}]]{from}");
            self.keys(section, map);
        }
    }

    /// The plain keys of a table; what tells it from others first.
    fn keys(&mut self, section: &str, map: &Map<String, Value>) {
        let mut keys: Vec<&String> = map.keys().collect();
        keys.sort_by_key(|key| (!IDS.contains(&key.as_str()), *key));
        for key in keys {
            let Some(value) = map.get(key) else { continue };
            let text = match value {
                value if is_blank(value) => continue,
                Value::Object(inner) if !is_small(inner) => continue,
                Value::Array(items) if is_tables(items) => continue,
                Value::Array(items) if items.len() > 1 => self.items(section, items),
                value => inline(value),
            };
            let _infallible = writeln!(self.text, "{} = {text}", key_text(key));
        }
    }

    fn items(&self, section: &str, items: &[Value]) -> String {
        let mut text = String::from("[\n");
        for item in items {
            let name = item.as_str().unwrap_or_default();
            let from = self.inherited(&format!("{section} {name}"));
            let _infallible = writeln!(text, "    {},{from}", inline(item));
        }
        text.push(']');
        text
    }
}

/// Nothing to show: absent, or an empty list or table.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_tables(items: &[Value]) -> bool {
    items.first().is_some_and(Value::is_object)
}

/// Small enough for one line: a digest and a size.
fn is_small(map: &Map<String, Value>) -> bool {
    map.contains_key("sha256")
}

fn key_text(key: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if key.bytes().all(bare) {
        key.to_owned()
    } else {
        toml::Value::String(key.to_owned()).to_string()
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let members: Vec<String> = map
                .iter()
                .filter(|(_, value)| !is_blank(value))
                .map(|(key, value)| format!("{} = {}", key_text(key), inline(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}
