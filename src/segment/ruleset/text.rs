//! A ruleset as nft(8) loads it.

use std::fmt::{self, Write as _};

use super::model::{Chain, Line, Rule, Ruleset};
use crate::peers::{Family, TABLE, set_name};

/// Loading it again replaces the table in one transaction: connections that were let through stay.
const HEAD: &str = "\
#!/usr/sbin/nft -f
# Compiled by karat from the template's [segment]. What is not named is dropped. Only this table is
# replaced: others, such as a container engine's, stay. Rules of your own go into files in
# /etc/nftables.d/input/ and /etc/nftables.d/output/; the addresses of peers come from a signed document.
";

impl Ruleset {
    /// The text.
    pub fn to_text(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Ruleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{HEAD}\ntable inet {TABLE}\ndelete table inet {TABLE}\n\n"
        )?;
        writeln!(f, "table inet {TABLE} {{")?;
        for segment in &self.peers {
            for family in Family::ALL {
                let name = set_name(segment.as_str(), family);
                let kind = family.set_type();
                write!(
                    f,
                    "\tset {name} {{\n\t\ttype {kind}\n\t\tflags interval\n\t}}\n\n"
                )?;
            }
        }
        for (index, chain) in self.chains.iter().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{chain}")?;
        }
        f.write_str("}\n")
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (hook, policy) = (self.hook, self.policy.word());
        writeln!(f, "\tchain {hook} {{")?;
        writeln!(
            f,
            "\t\ttype filter hook {hook} priority filter; policy {policy};"
        )?;
        for line in &self.lines {
            match line {
                Line::Blank => writeln!(f)?,
                Line::Include(directory) => writeln!(f, "\t\tinclude \"{directory}/*.nft\"")?,
                Line::Rule(rule) => writeln!(f, "\t\t{rule}")?,
            }
        }
        f.write_str("\t}\n")
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts.iter().enumerate() {
            let blank = if index == 0 { "" } else { " " };
            write!(f, "{blank}{}", part.text)?;
        }
        match &self.comment {
            Some(comment) => write!(f, " comment \"{comment}\""),
            None => Ok(()),
        }
    }
}
