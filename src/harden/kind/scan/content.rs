//! What files say.

use super::is_excepted;
use crate::harden::kind::Answer;
use crate::harden::root::fixed;
use crate::harden::{NodeKind, Root, ViewError};
use crate::path::{Escaped, Glob, ImagePath};

/// Largest file that is looked into for a private key: keys have some kilobytes.
const KEY_FILE_MAX: u64 = 64 << 10;
/// Where no key is looked for: programs and documents of packages, which hold examples and the text
/// itself.
const NO_KEYS: [&str; 7] = [
    "/usr/bin",
    "/usr/lib",
    "/usr/libexec",
    "/usr/sbin",
    "/usr/share",
    "/var/cache",
    "/var/lib/dpkg",
];

pub(super) fn private_keys(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    let without = NO_KEYS.map(fixed);
    let mut candidates = Vec::new();
    root.walk(&ImagePath::root(), &mut |path, node| {
        let small =
            matches!(node.kind, NodeKind::Regular(size) if (32..=KEY_FILE_MAX).contains(&size));
        let looked_at = !without.iter().any(|top| path.is_within(top));
        if small && looked_at && !is_excepted(except, path) {
            candidates.push(path.clone());
        }
        Ok(())
    })?;
    for path in candidates {
        let bytes = root.read_up_to(&path, KEY_FILE_MAX)?.unwrap_or_default();
        if holds_key(&bytes) {
            let shown = path.display();
            answer.fail(format!(
                "{shown}: holds a private key; leave it to each instance to make one"
            ));
        }
    }
    Ok(())
}

/// Whether a line begins a private key in PEM (RFC 7468) or OpenSSH's form.
fn holds_key(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| {
        let line = line.trim_ascii();
        line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----")
    })
}

pub(super) fn banners(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    let mut files = vec![
        fixed("/etc/issue"),
        fixed("/etc/issue.net"),
        fixed("/etc/motd"),
    ];
    let directory = fixed("/etc/issue.d");
    for name in root.names(&directory)? {
        files.extend(directory.join(name));
    }
    for path in files.iter().filter(|path| !is_excepted(except, path)) {
        let text = root.text(path)?.unwrap_or_default();
        let shown = path.display();
        for escape in ["\\m", "\\r", "\\s", "\\S", "\\v"] {
            if text.contains(escape) {
                answer.fail(format!("{shown}: shows {escape} (agetty(8)); take it away"));
            }
        }
        if text.contains("Debian") {
            answer.fail(format!("{shown}: names the system; take it away"));
        }
    }
    Ok(())
}

pub(super) fn apt_sources(
    root: &Root<'_>,
    except: &[Glob],
    answer: &mut Answer,
) -> Result<(), ViewError> {
    let mut files = vec![fixed("/etc/apt/sources.list")];
    for directory in ["/etc/apt/sources.list.d", "/etc/apt/apt.conf.d"].map(fixed) {
        for name in root.names(&directory)? {
            files.extend(directory.join(name));
        }
    }
    files.push(fixed("/etc/apt/apt.conf"));
    for path in files.iter().filter(|path| !is_excepted(except, path)) {
        let text = root.text(path)?.unwrap_or_default();
        let name = path.name().unwrap_or_default();
        if name.ends_with(b".list") {
            text.lines().for_each(|line| check_line(path, line, answer));
        } else if name.ends_with(b".sources") {
            text.split("\n\n")
                .for_each(|stanza| check_stanza(path, stanza, answer));
        } else if !path.is_within(&fixed("/etc/apt/sources.list.d")) {
            check_settings(path, &text, answer);
        }
    }
    Ok(())
}

/// A line of sources.list(5).
fn check_line(path: &ImagePath, line: &str, answer: &mut Answer) {
    let line = line.trim();
    if !line.starts_with("deb") {
        return;
    }
    let (shown, source) = (path.display(), Escaped(line.as_bytes()));
    if !line.contains("signed-by=") {
        answer.fail(format!(
            "{shown}: `{source}` names no key; add [signed-by=…]"
        ));
    }
    if unsigned(line) {
        answer.fail(format!(
            "{shown}: `{source}` is trusted without a signature; take that away"
        ));
    }
}

/// A paragraph of a `.sources` file.
fn check_stanza(path: &ImagePath, stanza: &str, answer: &mut Answer) {
    let lines: Vec<String> = stanza
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_ascii_lowercase)
        .collect();
    let field = |name: &str| lines.iter().any(|line| line.starts_with(name));
    if !field("types:")
        || lines
            .iter()
            .any(|line| line.replace(' ', "") == "enabled:no")
    {
        return;
    }
    let shown = path.display();
    if !field("signed-by:") {
        answer.fail(format!("{shown}: a source names no key; add Signed-By"));
    }
    if lines.iter().any(|line| unsigned(line)) {
        answer.fail(format!(
            "{shown}: a source is trusted without a signature; take that away"
        ));
    }
}

fn unsigned(line: &str) -> bool {
    let line = line.replace(' ', "").to_ascii_lowercase();
    [
        "trusted",
        "allow-insecure",
        "allow-weak",
        "allow-downgrade-to-insecure",
    ]
    .iter()
    .any(|key| line.contains(&format!("{key}=yes")) || line.contains(&format!("{key}:yes")))
}

/// Settings of apt.conf(5) by which signatures stop counting.
fn check_settings(path: &ImagePath, text: &str, answer: &mut Answer) {
    for line in text.lines().map(str::trim) {
        if line.starts_with("//") || line.starts_with('#') {
            continue;
        }
        let lower = line.to_ascii_lowercase();
        let weak = [
            "allowunauthenticated",
            "allowinsecurerepositories",
            "allowweakrepositories",
            "allowdowngradetoinsecurerepositories",
        ];
        let is_on = ["true", "yes", "1", "on", "with", "enable"]
            .iter()
            .any(|word| lower.contains(&format!("\"{word}\"")));
        if is_on && weak.iter().any(|key| lower.contains(key)) {
            let (shown, line) = (path.display(), Escaped(line.as_bytes()));
            answer.fail(format!(
                "{shown}: `{line}` lets packages in without a signature; take it away"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_first_line() {
        assert!(holds_key(b"x\n-----BEGIN OPENSSH PRIVATE KEY-----\nb\n"));
        assert!(holds_key(b"-----BEGIN PRIVATE KEY-----\r\n"));
        assert!(!holds_key(b"-----BEGIN CERTIFICATE-----\n"));
        assert!(!holds_key(b"grep -----BEGIN PRIVATE KEY-----\n"));
    }

    #[test]
    fn sources_must_name_their_key() {
        let path = fixed("/etc/apt/sources.list");
        let fails = |line: &str| {
            let mut answer = Answer::default();
            check_line(&path, line, &mut answer);
            answer.fails.len()
        };
        assert_eq!(fails("# deb http://a b c"), 0);
        assert_eq!(
            fails("deb [signed-by=/usr/share/keyrings/a.pgp] http://a b c"),
            0
        );
        assert_eq!(fails("deb http://a b c"), 1);
        assert_eq!(fails("deb [trusted=yes] http://a b c"), 2);
    }

    #[test]
    fn settings_that_let_unsigned_packages_in() {
        let path = fixed("/etc/apt/apt.conf.d/x");
        for (line, count) in [
            ("APT::Get::AllowUnauthenticated \"true\";", 1),
            ("Acquire::AllowInsecureRepositories \"false\";", 0),
            ("// APT::Get::AllowUnauthenticated \"true\";", 0),
        ] {
            let mut answer = Answer::default();
            check_settings(&path, line, &mut answer);
            assert_eq!(answer.fails.len(), count, "{line}");
        }
    }
}
