//! Reads one template file: each key with its rule.

use crate::baseline::{ImageName, ImageVersion};
use crate::path::{Glob, ImagePath};
use crate::tree::{Epoch, Mode};

use super::diagnostic::Code;
use super::model::{Owner, PackageSpec, Pin, PinTarget};
use super::names::{
    AccountName, ComponentName, Date, PackageName, SegmentName, Snapshot, SshKey, SuiteName,
    SysctlKey, UnitName, Uri, VersionText, Word,
};
use super::raw::{
    Raw, RawAgent, RawFile, RawGroup, RawImage, RawKernel, RawKind, RawMutable, RawOutputs,
    RawRepository, RawSegment, RawServices, RawSource, RawUser, RawVerify,
};
use super::reader::{At, Reader, Sink, Span};

const PATH_RULE: &str = "a path is absolute and has no empty, '.' or '..' component";
const GLOB_RULE: &str =
    "a path pattern is absolute and normal; ** is a whole component, as in /var/log/**";
const SOURCE_RULE: &str = "a source is a path below the template's own directory";
const LINE_RULE: &str = "it is one line without control characters";

/// Formats of the design that a later version writes.
const LATER_FORMATS: &[&str] = &["disk", "erofs", "verity", "uki", "raw", "qcow2", "vhd"];

/// Reads one template file.
pub(super) fn read(top: Reader<'_>) -> Raw {
    let raw = Raw {
        extends: top.parsed(
            "extends",
            "it is a name or a relative path",
            relative_or_name,
        ),
        packages: top.list("packages", PackageName::RULE, package_spec),
        image: image(top.table("image", "[image]")),
        source: source(top.table("source", "[source]")),
        files: top
            .tables("files", "[[files]]")
            .into_iter()
            .filter_map(file)
            .collect(),
        groups: top
            .tables("groups", "[[groups]]")
            .into_iter()
            .filter_map(group)
            .collect(),
        users: top
            .tables("users", "[[users]]")
            .into_iter()
            .filter_map(user)
            .collect(),
        services: services(top.table("services", "[services]")),
        kernel: kernel(top.table("kernel", "[kernel]")),
        segment: segment(top.table("segment", "[segment]")),
        verify: verify(top.table("verify", "[verify]")),
        outputs: outputs(top.table("outputs", "[outputs]")),
    };
    top.finish();
    raw
}

impl Raw {
    /// A template that states nothing.
    pub(super) fn nothing() -> Self {
        let span = Span {
            file: 0,
            range: 0..0,
        };
        read(Reader::new(None, "", span, &Sink::default()))
    }
}

fn image(table: Reader<'_>) -> RawImage {
    let raw = RawImage {
        span: table.span().clone(),
        name: table.parsed("name", ImageName::RULE, |text| ImageName::parse(text).ok()),
        version: table.parsed("version", ImageVersion::RULE, |text| {
            ImageVersion::parse(text).ok()
        }),
        description: table.parsed("description", LINE_RULE, line),
        epoch: table
            .integer("epoch", 0, i64::try_from(Epoch::MAX).unwrap_or(i64::MAX))
            .and_then(|at| {
                let value = Epoch::new(u64::try_from(at.value).ok()?).ok()?;
                Some(at.map(|_| value))
            }),
        architecture: table.parsed("architecture", Word::RULE, Word::new),
    };
    table.finish();
    raw
}

fn source(table: Reader<'_>) -> RawSource {
    let raw = RawSource {
        span: table.span().clone(),
        distribution: table.choice("distribution"),
        suite: table.parsed("suite", SuiteName::RULE, |text| {
            SuiteName::new(text).filter(|suite| !suite.as_str().ends_with('/'))
        }),
        components: table.list("components", ComponentName::RULE, ComponentName::new),
        pockets: {
            let pockets = table.choices("pockets");
            table.has("pockets").then_some(pockets)
        },
        snapshot: table.parsed("snapshot", Snapshot::RULE, Snapshot::new),
        mirror: table.parsed("mirror", Uri::RULE, Uri::new),
        security_mirror: table.parsed("security_mirror", Uri::RULE, Uri::new),
        keyring: source_path(&table, "keyring"),
        recommends: table.boolean("recommends"),
        pins: table
            .tables("pins", "[[source.pins]]")
            .into_iter()
            .filter_map(pin)
            .collect(),
        extra: table
            .tables("extra", "[[source.extra]]")
            .into_iter()
            .filter_map(repository)
            .collect(),
    };
    table.finish();
    raw
}

fn pin(table: Reader<'_>) -> Option<At<Pin>> {
    let rule = "it is a package name, where * is any run of characters and ? one";
    let package = table.parsed("package", rule, package_glob);
    let version_rule = "it is a version, where * is any run of characters and ? one";
    let version = table.parsed("version", version_rule, |text| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:*?".contains(&byte);
        (!text.is_empty() && text.len() <= 256 && text.bytes().all(plain)).then(|| text.to_owned())
    });
    let suite = table.parsed("suite", SuiteName::RULE, SuiteName::new);
    let priority = priority(&table);
    if !table.has("package") {
        table.missing("package", None);
    }
    if !table.has("priority") {
        table.missing(
            "priority",
            Some("from -32768 to 32767; apt's default is 500".to_owned()),
        );
    }
    let both = table.has("version") == table.has("suite");
    if both {
        let message = "[[source.pins]] has exactly one of version and suite".to_owned();
        table.sink().report(Code::T012, table.span(), message, None);
    }
    let target = version
        .map(|version| PinTarget::Version(version.value))
        .or_else(|| suite.map(|suite| PinTarget::Suite(suite.value)));
    let span = table.span().clone();
    table.finish();
    Some(At {
        value: Pin {
            package: package?.value,
            target: target?,
            priority: priority?.value,
        },
        span,
    })
}

fn priority(table: &Reader<'_>) -> Option<At<i32>> {
    let at = table.integer("priority", -32_768, 32_767)?;
    let value = i32::try_from(at.value).ok()?;
    Some(at.map(|_| value))
}

fn repository(table: Reader<'_>) -> Option<RawRepository> {
    let name = table.parsed("name", Word::RULE, Word::new);
    if !table.has("name") {
        table.missing("name", None);
    }
    let uri = table.parsed("uri", Uri::RULE, Uri::new);
    let suite = table.parsed("suite", SuiteName::RULE, SuiteName::new);
    let components = table.list("components", ComponentName::RULE, ComponentName::new);
    let key = source_path(&table, "key");
    let priority = priority(&table);
    let wrong = key.is_none() && table.has("key");
    let span = table.span().clone();
    table.finish();
    if wrong {
        return None;
    }
    Some(RawRepository {
        name: name?,
        uri,
        suite,
        components,
        key,
        priority,
        span,
    })
}

fn file(table: Reader<'_>) -> Option<RawFile> {
    let path = table.parsed("path", PATH_RULE, image_path);
    if !table.has("path") {
        table.missing("path", None);
    }
    if let Some(path) = &path
        && path.value.is_root()
    {
        let message = "/ itself cannot be an entry of [[files]]".to_owned();
        table.sink().report(Code::T006, &path.span, message, None);
    }
    let mut kinds: Vec<At<RawKind>> = Vec::new();
    kinds.extend(source_path(&table, "source").map(|at| at.map(RawKind::Source)));
    kinds.extend(table.string("content").map(|at| at.map(RawKind::Content)));
    let target_rule = "a link's target has 1 to 4095 bytes and no NUL";
    let target = table.parsed("link", target_rule, |text| {
        ((1..=4095).contains(&text.len()) && !text.contains('\0')).then(|| text.to_owned())
    });
    kinds.extend(target.map(|at| at.map(RawKind::Link)));
    for (key, kind) in [
        ("directory", RawKind::Directory),
        ("absent", RawKind::Absent),
    ] {
        if let Some(at) = table.boolean(key) {
            if at.value {
                kinds.push(at.map(|_| kind));
            } else {
                let message = format!("{key} is true or not stated");
                table.sink().report(Code::T006, &at.span, message, None);
            }
        }
    }
    if let Some(second) = kinds.get(1) {
        let message =
            "[[files]] has exactly one of source, content, link, directory and absent".to_owned();
        table.sink().report(Code::T012, &second.span, message, None);
    }
    let mode = mode(&table);
    let owner = owner_of(&table, "owner");
    let group = owner_of(&table, "group");
    let kind = kinds.into_iter().next();
    let stated = ["source", "content", "link", "directory", "absent"];
    let wrong = kind.is_none() && stated.iter().any(|key| table.has(key));
    if let Some(RawKind::Link(_) | RawKind::Absent) = kind.as_ref().map(|kind| &kind.value)
        && let Some(mode) = &mode
    {
        let message = "a link has no mode of its own, and what is absent has none".to_owned();
        table.sink().report(Code::T012, &mode.span, message, None);
    }
    let span = table.span().clone();
    table.finish();
    if wrong {
        return None;
    }
    Some(RawFile {
        path: path?,
        kind,
        mode,
        owner,
        group,
        span,
    })
}

fn mode(table: &Reader<'_>) -> Option<At<Mode>> {
    let wanted = "octal digits in a string, as in \"0644\"";
    let at = table.text_or_integer("mode", wanted)?;
    let (text, radix) = &at.value;
    let octal = *radix == 0 || *radix == 8;
    let digits =
        (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(text, 8)
        .ok()
        .filter(|_| octal && digits)
        .and_then(|bits| Mode::new(bits).ok());
    if mode.is_none() {
        let message = "a mode is three or four octal digits".to_owned();
        let help = format!("write mode = \"{text:0>4}\"");
        let help = digits.then_some(help);
        table.sink().report(Code::T006, &at.span, message, help);
    }
    Some(At {
        value: mode?,
        span: at.span,
    })
}

/// A user or group, by name or number.
fn owner_of(table: &Reader<'_>, key: &'static str) -> Option<At<Owner>> {
    let at = table.text_or_integer(key, "a name or a number")?;
    let (text, radix) = &at.value;
    let owner = if *radix == 0 {
        AccountName::new(text).map(Owner::Name)
    } else {
        text.parse()
            .ok()
            .filter(|id| *radix == 10 && *id != u32::MAX)
            .map(Owner::Id)
    };
    if owner.is_none() {
        let message = format!("{text:?} is not allowed: {}", AccountName::RULE);
        table.sink().report(Code::T006, &at.span, message, None);
    }
    Some(At {
        value: owner?,
        span: at.span,
    })
}

fn id(table: &Reader<'_>, key: &'static str) -> Option<At<u32>> {
    let at = table.integer(key, 1, 4_294_967_293)?;
    if at.value == 65_535 {
        let message = format!("{key} 65535 stands for 'none' in 16 bits");
        table.sink().report(Code::T006, &at.span, message, None);
        return None;
    }
    let value = u32::try_from(at.value).ok()?;
    Some(at.map(|_| value))
}

fn group(table: Reader<'_>) -> Option<RawGroup> {
    let name = table.parsed("name", AccountName::RULE, AccountName::new);
    if !table.has("name") {
        table.missing("name", None);
    }
    let gid = id(&table, "gid");
    let system = table.boolean("system");
    table.finish();
    Some(RawGroup {
        name: name?,
        gid,
        system,
    })
}

fn user(table: Reader<'_>) -> Option<RawUser> {
    let name = table.parsed("name", AccountName::RULE, AccountName::new);
    if !table.has("name") {
        table.missing("name", None);
    }
    let uid = id(&table, "uid");
    let comment_rule = "a comment is one line without ':' and control characters";
    let raw = (
        owner_of(&table, "group"),
        table.list("groups", AccountName::RULE, AccountName::new),
        table.parsed("comment", comment_rule, |text| {
            line(text).filter(|text| !text.contains(':'))
        }),
        table.parsed("shell", PATH_RULE, account_path),
        table.parsed("home", PATH_RULE, account_path),
        table.list("ssh_keys", SshKey::RULE, SshKey::new),
        table.boolean("locked"),
        table.boolean("system"),
    );
    table.finish();
    let (group, groups, comment, shell, home, ssh_keys, locked, system) = raw;
    Some(RawUser {
        name: name?,
        uid,
        group,
        groups,
        comment,
        shell,
        home,
        ssh_keys,
        locked,
        system,
    })
}

fn services(table: Reader<'_>) -> RawServices {
    let raw = RawServices {
        enable: table.list("enable", UnitName::RULE, UnitName::new),
        disable: table.list("disable", UnitName::RULE, UnitName::new),
        mask: table.list("mask", UnitName::RULE, UnitName::new),
    };
    table.finish();
    raw
}

fn kernel(table: Reader<'_>) -> RawKernel {
    let word_rule = "a word of the command line is printable ASCII without blanks";
    let mut sysctl = Vec::new();
    for (key, value) in table.pairs("sysctl") {
        let Some(name) = SysctlKey::new(&key.value) else {
            let message = format!("{:?} is not allowed: {}", key.value, SysctlKey::RULE);
            table.sink().report(Code::T006, &key.span, message, None);
            continue;
        };
        if line(&value.value).is_none() {
            let message = format!("{name}: the value is not allowed: {LINE_RULE}");
            table.sink().report(Code::T006, &value.span, message, None);
            continue;
        }
        sysctl.push((name, value));
    }
    let raw = RawKernel {
        cmdline: table.list("cmdline", word_rule, |text| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            (plain && text.len() <= 1024).then(|| text.to_owned())
        }),
        modules: table.list("modules", Word::RULE, Word::new),
        sysctl,
        initrd: table.choice("initrd"),
    };
    table.finish();
    raw
}

fn segment(table: Reader<'_>) -> RawSegment {
    let raw = RawSegment {
        category: table.choice("category"),
        segment: table.parsed("segment", SegmentName::RULE, SegmentName::new),
        lifecycle: table.choice("lifecycle"),
        eol: table.parsed("eol", Date::RULE, Date::new),
    };
    table.finish();
    raw
}

fn verify(table: Reader<'_>) -> RawVerify {
    let agent = match table.boolean_or_table("agent", "[verify.agent]") {
        None => None,
        Some(Ok(at)) => Some(at.map(|on| if on { RawAgent::Beside } else { RawAgent::None })),
        Some(Err(inner)) => {
            let file = source_path(&inner, "file");
            if !inner.has("file") {
                inner.missing("file", None);
            }
            inner.finish();
            file.map(|at| at.map(RawAgent::File))
        }
    };
    let mutable = table
        .tables("mutable", "[[verify.mutable]]")
        .into_iter()
        .filter_map(mutable)
        .collect();
    table.finish();
    RawVerify { agent, mutable }
}

fn mutable(table: Reader<'_>) -> Option<RawMutable> {
    let path = table.parsed("path", GLOB_RULE, |text| Glob::parse(text).ok());
    if !table.has("path") {
        table.missing("path", None);
    }
    let class = table.choice("class");
    let mode = mode(&table);
    let span = table.span().clone();
    table.finish();
    Some(RawMutable {
        path: path?,
        class,
        mode,
        span,
    })
}

fn outputs(table: Reader<'_>) -> RawOutputs {
    let later = reports_later_formats(&table);
    let raw = RawOutputs {
        formats: if later {
            Vec::new()
        } else {
            table.choices("formats")
        },
        compression: table.choice("compression"),
    };
    table.finish();
    raw
}

/// Reports formats that only a later version writes; true if there were any.
fn reports_later_formats(table: &Reader<'_>) -> bool {
    let mut any = false;
    for format in table.strings("formats") {
        if LATER_FORMATS.contains(&format.value.as_str()) {
            any = true;
            let message = format!("this version cannot write {:?} outputs", format.value);
            let help = Some("it writes \"tar\" and \"oci\"".to_owned());
            table.sink().report(Code::T017, &format.span, message, help);
        }
    }
    any
}

fn package_spec(text: &str) -> Option<PackageSpec> {
    let (name, version) = match text.split_once('=') {
        None => (text, None),
        Some((name, version)) => (name, Some(VersionText::new(version)?)),
    };
    Some(PackageSpec {
        name: PackageName::new(name)?,
        version,
    })
}

fn package_glob(text: &str) -> Option<String> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-*?".contains(&byte);
    (!text.is_empty() && text.len() <= 128 && text.bytes().all(plain)).then(|| text.to_owned())
}

fn image_path(text: &str) -> Option<ImagePath> {
    ImagePath::parse(text)
        .ok()
        .filter(|_| !text.chars().any(char::is_control))
}

/// A path that may stand in passwd(5).
fn account_path(text: &str) -> Option<ImagePath> {
    image_path(text).filter(|_| !text.contains(':'))
}

fn line(text: &str) -> Option<String> {
    (text.len() <= 4096 && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn relative_or_name(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= 1024
        && !text.starts_with('/')
        && !text.chars().any(char::is_control);
    fits.then(|| text.to_owned())
}

/// A path below the template's own directory; a broken rule is reported.
fn source_path(table: &Reader<'_>, key: &'static str) -> Option<At<String>> {
    let at = table.string(key)?;
    // ImagePath knows what is normal: relative paths are those that a leading slash makes absolute.
    let path = image_path(&format!("/{}", at.value));
    if path.is_some_and(|path| !path.is_root()) {
        return Some(at);
    }
    let message = format!("{:?} is not allowed: {SOURCE_RULE}", at.value);
    let help = "copy the file beside the template and name it without '..' and leading '/'";
    table
        .sink()
        .report(Code::T013, &at.span, message, Some(help.to_owned()));
    None
}
