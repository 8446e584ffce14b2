//! The JSON schema of templates, for editors. A test keeps it equal to what the reader knows.
#![expect(
    dead_code,
    reason = "the types say what may be written; nothing is made of them"
)]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::disk_schema::DiskTable;
use super::segment_schema::SegmentTable;

/// The schema as JSON text (draft 2020-12).
pub fn schema() -> String {
    let schema = schemars::schema_for!(TemplateFile);
    let mut text = serde_json::to_string_pretty(schema.as_value()).unwrap_or_default();
    text.push('\n');
    text
}

/// A karat template.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct TemplateFile {
    /// The template that this one extends: NAME for NAME.toml beside it, or a relative path.
    extends: Option<String>,
    /// Packages: NAME, NAME=VERSION, or !NAME to remove an inherited one.
    packages: Option<Vec<String>>,
    image: Option<ImageTable>,
    source: Option<SourceTable>,
    files: Option<Vec<FileTable>>,
    groups: Option<Vec<GroupTable>>,
    users: Option<Vec<UserTable>>,
    services: Option<ServicesTable>,
    kernel: Option<KernelTable>,
    disk: Option<DiskTable>,
    harden: Option<HardenTable>,
    segment: Option<SegmentTable>,
    verify: Option<VerifyTable>,
    outputs: Option<OutputsTable>,
}

/// What the image is called.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageTable {
    /// The name of the image and its outputs; not inherited.
    name: Option<String>,
    /// The version of the image and its outputs (UAPI.10 characters).
    version: Option<String>,
    /// One line for people; not inherited.
    description: Option<String>,
    /// The build's clock in seconds since 1970; else the newest Release date.
    epoch: Option<u64>,
    /// Debian's name of the architecture; else that of the machine that locks.
    architecture: Option<String>,
}

/// Where packages come from.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTable {
    distribution: Option<DistributionWord>,
    /// The suite, by code name.
    suite: Option<String>,
    /// Components of the archive; main by default.
    components: Option<Vec<String>>,
    /// Further suites: updates, security, backports, proposed-updates; the first two by default.
    pockets: Option<Vec<String>>,
    /// A moment of the archive, as in 20260131T235959Z.
    snapshot: Option<String>,
    /// The mirror.
    mirror: Option<String>,
    /// The mirror of the security pocket.
    security_mirror: Option<String>,
    /// Keys that sign the archive: a file below the template's directory.
    keyring: Option<String>,
    /// Whether Recommends are installed too; false by default.
    recommends: Option<bool>,
    /// Preferences among versions.
    pins: Option<Vec<PinTable>>,
    /// Further repositories.
    extra: Option<Vec<RepositoryTable>>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum DistributionWord {
    Debian,
}

/// A preference, as in `apt_preferences(5)`: exactly one of version and suite.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct PinTable {
    /// Which packages; * is any run of characters, ? one.
    package: String,
    /// Versions that fit this pattern.
    version: Option<String>,
    /// Versions of this suite.
    suite: Option<String>,
    /// apt's default is 500.
    #[schemars(range(min = -32768, max = 32767))]
    priority: i32,
}

/// A further repository with its own keys.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct RepositoryTable {
    name: String,
    /// Its base: http:, https: or file:.
    uri: Option<String>,
    /// Its suite; one that ends in / is a flat repository's directory.
    suite: Option<String>,
    /// Its components.
    components: Option<Vec<String>>,
    /// The OpenPGP keys that sign it: a file below the template's directory.
    key: Option<String>,
    #[schemars(range(min = -32768, max = 32767))]
    priority: Option<i32>,
}

/// A path of the image: exactly one of source, content, link, directory and absent.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTable {
    /// Where: an absolute path.
    path: String,
    /// The bytes: a file below the template's directory.
    source: Option<String>,
    /// The bytes, as text.
    content: Option<String>,
    /// A symbolic link's target.
    link: Option<String>,
    /// True for a directory.
    directory: Option<bool>,
    /// True for what must not be there.
    absent: Option<bool>,
    /// Octal digits; 0644 by default, 0755 for directories.
    mode: Option<TextOrNumber>,
    /// root by default.
    owner: Option<TextOrNumber>,
    /// root by default.
    group: Option<TextOrNumber>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
pub(super) enum TextOrNumber {
    Text(String),
    Number(u32),
}

/// A group to add.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupTable {
    name: String,
    /// The first free number by default.
    gid: Option<u32>,
    /// Whether its number comes from the system's range.
    system: Option<bool>,
}

/// An account to add, or to change where a package has added it.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserTable {
    name: String,
    /// The first free number by default.
    uid: Option<u32>,
    /// The primary group; one of the user's own name by default.
    group: Option<TextOrNumber>,
    /// Further groups.
    groups: Option<Vec<String>>,
    /// The comment field of passwd(5).
    comment: Option<String>,
    shell: Option<String>,
    home: Option<String>,
    /// Lines of `authorized_keys`.
    ssh_keys: Option<Vec<String>>,
    /// Whether the password is locked; true by default.
    locked: Option<bool>,
    /// Whether it is a system account.
    system: Option<bool>,
}

/// systemd units.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServicesTable {
    enable: Option<Vec<String>>,
    disable: Option<Vec<String>>,
    mask: Option<Vec<String>>,
}

/// The kernel's settings.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct KernelTable {
    /// Words of the command line.
    cmdline: Option<Vec<String>>,
    /// Modules to load at boot.
    modules: Option<Vec<String>>,
    /// Parameters, as in sysctl.d(5).
    sysctl: Option<BTreeMap<String, SysctlValue>>,
    initrd: Option<InitrdWord>,
    /// The kernel of images that boot.
    flavour: Option<FlavourWord>,
}

/// A value, or a table whose keys continue the name.
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
enum SysctlValue {
    Text(String),
    Number(i64),
    Table(BTreeMap<String, Self>),
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum FlavourWord {
    Generic,
    Cloud,
    None,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum InitrdWord {
    Distribution,
    Karat,
}

/// Which hardening rules the image keeps.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct HardenTable {
    /// server-l1, server-l2 or strict; each has all rules of those before it.
    profile: Option<ProfileWord>,
    /// Rules that are left out, by id, each with its reason.
    except: Option<BTreeMap<String, String>>,
    /// Files of rules below the template's directory, or !FILE to remove an inherited one.
    rules: Option<Vec<String>>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ProfileWord {
    ServerL1,
    ServerL2,
    Strict,
}

/// What instances are checked with, and what may differ on them.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifyTable {
    agent: Option<AgentValue>,
    /// What happens once a trust root or a statement has expired.
    expiry: Option<ExpiryWord>,
    /// What happens at boot where an instance is not what was signed.
    on_failure: Option<OnFailureWord>,
    /// Paths that may differ.
    mutable: Option<Vec<MutableTable>>,
    facts: Option<FactsTable>,
}

/// What must hold on the running system; what is not stated is not looked at.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct FactsTable {
    /// Accounts that may have a password, an empty one too; [] for none.
    accounts_password: Option<Vec<String>>,
    /// Accounts that may have the number 0.
    accounts_root: Option<Vec<String>>,
    /// Words that the kernel's command line must not have; one without = with any value.
    cmdline_absent: Option<Vec<String>>,
    /// Words that it must have; those of [kernel] cmdline are expected anyway.
    cmdline_present: Option<Vec<String>>,
    /// Credentials that may come from firmware or boot loader; [] for none.
    credentials: Option<Vec<String>>,
    /// The ruleset of nftables: a file below the template's directory, as nft -j -n list ruleset
    /// prints it.
    firewall: Option<String>,
    /// Sockets that may listen, as in \"tcp *:22\" or \"udp loopback:53\"; [] for none.
    listen: Option<Vec<String>>,
    lockdown: Option<LockdownWord>,
    /// Whether loaded modules must be files of the image.
    modules: Option<bool>,
    /// Modules that may come from elsewhere.
    modules_allow: Option<Vec<String>>,
    /// Modules that must not be loaded.
    modules_deny: Option<Vec<String>>,
    mounts: Option<Vec<MountTable>>,
    /// Whether nothing may be loaded into programs by ld.so.preload or LD_ variables.
    no_preload: Option<bool>,
    /// Packet sockets that there may be, as in \"88cc systemd-network\"; [] for none.
    packet: Option<Vec<String>>,
    /// Paths that may stand where cron, at, remote logins, users' service managers, udev and polkit
    /// look in homes, spools and /run, beside those of the image; [] for none.
    startup: Option<Vec<String>>,
    /// Kernel settings with their values; those of [kernel] sysctl are expected anyway.
    sysctl: Option<BTreeMap<String, SysctlValue>>,
    /// Bits of the kernel's taint that may be set.
    taint: Option<u64>,
    /// Paths that may stand where systemd looks for units, beside those of the image; [] for none.
    units: Option<Vec<String>>,
    /// Unix sockets that may listen under abstract names (\"@name\") or strict paths; [] for none.
    unix: Option<Vec<String>>,
}

/// Lockdown at least so strict.
#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LockdownWord {
    None,
    Integrity,
    Confidentiality,
}

/// A file system that must be mounted.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct MountTable {
    /// Where: an absolute path.
    point: String,
    /// Its type; any by default.
    fstype: Option<String>,
    /// Options that it must have, as in nodev.
    options: Option<Vec<String>>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ExpiryWord {
    Warn,
    Enforce,
    Ignore,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum OnFailureWord {
    Report,
    Isolate,
    Poweroff,
}

/// True for the karat-agent beside karat, false for none, or a table with file.
#[derive(JsonSchema, Deserialize)]
#[serde(untagged)]
enum AgentValue {
    Switch(bool),
    File(AgentTable),
}

#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentTable {
    /// A file below the template's directory.
    file: String,
}

/// Paths that may differ, and how far.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct MutableTable {
    /// A pattern: * within a component, ** any components.
    path: String,
    class: Option<ClassWord>,
    /// The exact mode of a generated-once file.
    mode: Option<TextOrNumber>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClassWord {
    AppendOnly,
    GeneratedOnce,
    State,
    Volatile,
}

/// What is written.
#[derive(JsonSchema, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputsTable {
    /// tar, oci, erofs, disk, split, qcow2, vhd, vmdk and gcp; the first two by default.
    formats: Option<Vec<String>>,
    compression: Option<CompressionWord>,
}

#[derive(JsonSchema, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CompressionWord {
    Zstd,
    Gzip,
    None,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;
    use toml::de::DeTable;

    use super::super::parse;
    use super::super::reader::{Reader, Sink, Span};
    use super::schema;

    /// A template in which every table is there once, so that the reader asks for all keys.
    const TABLES: &str = "[image]\n[[source.pins]]\n[[source.extra]]\n[[files]]\n[[groups]]\n\
        [[users]]\n[services]\n[kernel]\n[disk]\n[harden]\n[[segment.provides]]\n[[segment.consumes]]\n[[segment.egress]]\n[verify.agent]\n[[verify.mutable]]\n[verify.facts]\n\
        [[verify.facts.mounts]]\n[outputs]\n";

    #[test]
    fn the_schema_has_exactly_the_keys_that_the_reader_knows() {
        let sink = Sink::default();
        let span = Span {
            file: sink.add_file("t", TABLES),
            range: 0..0,
        };
        let document = DeTable::parse(TABLES).unwrap();
        let top = Reader::new(Some(document.get_ref()), "the template", span, &sink);
        drop(parse::read(top));
        let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (table, key) in sink.asked() {
            known.entry(table).or_default().insert(key);
        }

        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let keys = |of: &Value| -> BTreeSet<String> {
            of["properties"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect()
        };
        let definitions = [
            ("[image]", "ImageTable"),
            ("[source]", "SourceTable"),
            ("[[source.pins]]", "PinTable"),
            ("[[source.extra]]", "RepositoryTable"),
            ("[[files]]", "FileTable"),
            ("[[groups]]", "GroupTable"),
            ("[[users]]", "UserTable"),
            ("[services]", "ServicesTable"),
            ("[kernel]", "KernelTable"),
            ("[disk]", "DiskTable"),
            ("[harden]", "HardenTable"),
            ("[segment]", "SegmentTable"),
            ("[[segment.provides]]", "ProvidesTable"),
            ("[[segment.consumes]]", "ConsumesTable"),
            ("[[segment.egress]]", "EgressTable"),
            ("[verify]", "VerifyTable"),
            ("[verify.agent]", "AgentTable"),
            ("[[verify.mutable]]", "MutableTable"),
            ("[verify.facts]", "FactsTable"),
            ("[[verify.facts.mounts]]", "MountTable"),
            ("[outputs]", "OutputsTable"),
        ];
        let mut described = BTreeMap::from([("the template", keys(&schema))]);
        for (table, definition) in definitions {
            described.insert(table, keys(&schema["$defs"][definition]));
        }
        let known: BTreeMap<&str, BTreeSet<String>> = known
            .into_iter()
            .map(|(table, keys)| (table, keys.into_iter().map(str::to_owned).collect()))
            .collect();
        assert_eq!(known, described);
    }
}
