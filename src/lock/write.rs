//! The one spelling of a lock file.

use std::fmt::{self, Write as _};

use super::value::{Basis, LockedPackage, LockedRelease, Lockfile};

/// The first line: it says whose file this is.
const HEAD: &str = "\
# Made by `karat lock`. Change the template and lock again instead of editing this.
";

/// What this program writes and reads.
pub(super) const VERSION: i64 = 1;

impl Lockfile {
    /// Its canonical text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        _ = self.write(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        let Self {
            epoch,
            architecture,
            distribution,
            suite,
            agent,
            template,
            basis,
            releases,
            packages,
        } = self;
        out.push_str(HEAD);
        writeln!(out, "version = {VERSION}")?;
        writeln!(out, "epoch = {epoch}")?;
        writeln!(out, "architecture = {}", Quoted(architecture.as_str()))?;
        writeln!(out, "distribution = {}", Quoted(distribution))?;
        writeln!(out, "suite = {}", Quoted(suite))?;
        if let Some(agent) = agent {
            writeln!(out, "agent = \"{agent}\"")?;
        }
        writeln!(out, "template = \"{template}\"")?;
        write_basis(out, basis)?;
        for release in releases {
            write_release(out, release)?;
        }
        for package in packages {
            write_package(out, package)?;
        }
        Ok(())
    }
}

fn write_basis(out: &mut String, basis: &Basis) -> fmt::Result {
    let Basis {
        packages,
        components,
        pockets,
        extra,
        recommends,
        initrd,
        flavour,
        snapshot,
    } = basis;
    writeln!(out, "\n[request]")?;
    for (name, list) in [
        ("packages", packages),
        ("components", components),
        ("pockets", pockets),
        ("extra", extra),
    ] {
        write_list(out, name, list)?;
    }
    writeln!(out, "recommends = {recommends}")?;
    writeln!(out, "initrd = {}", Quoted(initrd))?;
    if let Some(flavour) = flavour {
        writeln!(out, "flavour = {}", Quoted(flavour))?;
    }
    if let Some(snapshot) = snapshot {
        writeln!(out, "snapshot = {}", Quoted(snapshot))?;
    }
    Ok(())
}

fn write_release(out: &mut String, release: &LockedRelease) -> fmt::Result {
    let LockedRelease {
        name,
        date,
        valid_until,
        digest,
        signed_by,
    } = release;
    writeln!(out, "\n[[release]]\nname = \"{name}\"\ndate = {date}")?;
    if let Some(valid_until) = valid_until {
        writeln!(out, "valid-until = {valid_until}")?;
    }
    writeln!(out, "sha256 = \"{digest}\"")?;
    write_list(out, "signed-by", signed_by)
}

fn write_package(out: &mut String, package: &LockedPackage) -> fmt::Result {
    let LockedPackage {
        name,
        version,
        architecture,
        content,
        path,
        source,
        boot,
    } = package;
    writeln!(out, "\n[[package]]")?;
    writeln!(out, "name = {}", Quoted(name.as_str()))?;
    writeln!(out, "version = {}", Quoted(version.as_str()))?;
    writeln!(out, "architecture = {}", Quoted(architecture.as_str()))?;
    writeln!(out, "size = {}", content.size)?;
    writeln!(out, "sha256 = \"{}\"", content.digest)?;
    writeln!(out, "path = {}", Quoted(path))?;
    writeln!(out, "source = \"{source}\"")?;
    if *boot {
        writeln!(out, "boot = true")?;
    }
    Ok(())
}

/// One item a line, so that a change shows as a line.
fn write_list(out: &mut String, name: &str, items: &[impl fmt::Display]) -> fmt::Result {
    if items.is_empty() {
        return writeln!(out, "{name} = []");
    }
    writeln!(out, "{name} = [")?;
    for item in items {
        writeln!(out, "    {},", Quoted(&item.to_string()))?;
    }
    writeln!(out, "]")
}

/// A basic string of TOML.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for char in self.0.chars() {
            match char {
                '"' | '\\' => write!(f, "\\{char}")?,
                _ if char.is_control() => write!(f, "\\u{:04X}", u32::from(char))?,
                _ => f.write_char(char)?,
            }
        }
        f.write_char('"')
    }
}
