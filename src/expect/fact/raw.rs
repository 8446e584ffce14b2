//! Facts as JSON has them, before they are anything.
//!
//! They are taken out of JSON values by hand: what a derive writes for each kind makes the agent
//! 25 KB larger. Whatever a kind does not have is refused, and what is spelt otherwise than it is
//! written does not survive the comparison of the canonical bytes.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::{
    Accounts, Allowed, CmdlineWord, Facts, Firewall, Kernel, Modules, Mount, Preload, Sysctl,
};
use crate::path::{Escaped, ImagePath};

impl TryFrom<Map<String, Value>> for Facts {
    type Error = String;

    fn try_from(members: Map<String, Value>) -> Result<Self, String> {
        let mut all = Members(members);
        let facts = Self {
            accounts: all.kind("accounts", accounts)?,
            cmdline: all.each("cmdline", cmdline)?,
            credentials: all.kind("credentials", allowed)?,
            firewall: all.kind("firewall", firewall)?,
            kernel: all.kind("kernel", kernel)?,
            listen: all.kind("listen", allowed)?,
            modules: all.kind("modules", modules)?,
            mounts: all.each("mounts", mount)?,
            packet: all.kind("packet", allowed)?,
            preload: all.kind("preload", preload)?,
            startup: all.kind("startup", allowed)?,
            sysctl: all.each("sysctl", sysctl)?,
            units: all.kind("units", allowed)?,
            unix: all.kind("unix", allowed)?,
        };
        all.finish().map(|()| facts)
    }
}

/// The members of a JSON object that nobody has taken yet.
struct Members(Map<String, Value>);

fn accounts(of: &mut Members) -> Result<Accounts, String> {
    let lists = [of.texts("password")?, of.texts("root")?];
    let [password, root] = lists.map(|list| list.as_deref().map(parsed).transpose());
    Ok(Accounts {
        origin: of.one("origin")?,
        password: password?,
        root: root?,
    })
}

fn allowed<T>(of: &mut Members) -> Result<Allowed<T>, String>
where
    T: FromStr,
    T::Err: Display,
{
    Ok(Allowed {
        allow: parsed(&of.list("allow")?)?,
        origin: of.one("origin")?,
    })
}

fn cmdline(of: &mut Members) -> Result<CmdlineWord, String> {
    Ok(CmdlineWord {
        origin: of.one("origin")?,
        rule: of.one("rule")?,
        word: of.one("word")?,
    })
}

fn firewall(of: &mut Members) -> Result<Firewall, String> {
    Ok(Firewall {
        origin: of.one("origin")?,
        peers: of.text("peers")?,
        rules: of.list("rules")?,
    })
}

fn kernel(of: &mut Members) -> Result<Kernel, String> {
    let taint = match of.0.remove("taint") {
        None => None,
        Some(bits) => Some(bits.as_u64().ok_or_else(|| wrong("taint", "a number"))?),
    };
    Ok(Kernel {
        lockdown: of.text("lockdown")?.as_deref().map(parse).transpose()?,
        origin: of.one("origin")?,
        taint,
    })
}

fn modules(of: &mut Members) -> Result<Modules, String> {
    Ok(Modules {
        allow: parsed(&of.list("allow")?)?,
        deny: parsed(&of.list("deny")?)?,
        origin: of.one("origin")?,
    })
}

fn mount(of: &mut Members) -> Result<Mount, String> {
    Ok(Mount {
        fstype: of.text("fstype")?.as_deref().map(parse).transpose()?,
        options: parsed(&of.list("options")?)?,
        origin: of.one("origin")?,
        point: ImagePath::parse(of.need("point")?).map_err(|error| error.to_string())?,
    })
}

fn preload(of: &mut Members) -> Result<Preload, String> {
    Ok(Preload {
        origin: of.one("origin")?,
    })
}

fn sysctl(of: &mut Members) -> Result<Sysctl, String> {
    Ok(Sysctl {
        name: of.one("name")?,
        origin: of.one("origin")?,
        value: of.need("value")?,
    })
}

impl Members {
    /// The fact under `key`, if it is there.
    fn kind<T>(
        &mut self,
        key: &str,
        read: fn(&mut Self) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(value) => whole(key, value, read).map(Some),
        }
    }

    /// All facts of the list under `key`; none where it is not there.
    fn each<T>(
        &mut self,
        key: &str,
        read: fn(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        let mut facts = Vec::new();
        match self.0.remove(key) {
            None => {}
            Some(Value::Array(values)) => {
                for value in values {
                    facts.push(whole(key, value, read)?);
                }
            }
            Some(_) => return Err(wrong(key, "a list")),
        }
        Ok(facts)
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.0.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(key, "a string")),
        }
    }

    fn need(&mut self, key: &str) -> Result<String, String> {
        self.text(key)?.ok_or_else(|| missing(key))
    }

    fn one<T>(&mut self, key: &str) -> Result<T, String>
    where
        T: FromStr,
        T::Err: Display,
    {
        parse(&self.need(key)?)
    }

    fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, String> {
        let Some(value) = self.0.remove(key) else {
            return Ok(None);
        };
        let Value::Array(values) = value else {
            return Err(wrong(key, "a list"));
        };
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            match value {
                Value::String(text) => texts.push(text),
                _ => return Err(wrong(key, "a list of strings")),
            }
        }
        Ok(Some(texts))
    }

    fn list(&mut self, key: &str) -> Result<Vec<String>, String> {
        self.texts(key)?.ok_or_else(|| missing(key))
    }

    /// Refuses what nobody has taken.
    fn finish(self) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(key) => Err(format!("{} is no member of it", Escaped(key.as_bytes()))),
        }
    }
}

fn whole<T>(
    key: &str,
    value: Value,
    read: fn(&mut Members) -> Result<T, String>,
) -> Result<T, String> {
    let Value::Object(members) = value else {
        return Err(wrong(key, "an object"));
    };
    let mut members = Members(members);
    let fact = read(&mut members).and_then(|fact| members.finish().map(|()| fact));
    fact.map_err(|error| format!("{key}: {error}"))
}

fn wrong(key: &str, what: &str) -> String {
    format!("{key} is not {what}")
}

fn missing(key: &str) -> String {
    format!("{key} is missing")
}

fn parsed<T>(texts: &[String]) -> Result<Vec<T>, String>
where
    T: FromStr,
    T::Err: Display,
{
    let mut list = Vec::with_capacity(texts.len());
    for text in texts {
        list.push(parse(text)?);
    }
    Ok(list)
}

fn parse<T>(text: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}
