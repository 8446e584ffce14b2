//! Versions of packages: as signed, by a lock; as somebody says, by dpkg's database.

/// Tells `found` each name and version in a lock: in bytes whose digest is the signed one.
///
/// Then karat wrote them, in the one spelling that it has: reading them line by line is enough.
///
/// ```text
/// [[package]]
/// name = "adduser"
/// version = "3.152"
/// ```
pub fn locked(bytes: &[u8], found: &mut dyn FnMut(&str, &str)) {
    let mut is_package = false;
    let mut name = None;
    for line in lines(bytes) {
        if line.first() == Some(&b'[') {
            is_package = line == b"[[package]]";
            name = None;
        } else if is_package {
            if let Some(value) = quoted(line, b"name = \"") {
                name = Some(value);
            } else if let (Some(value), Some(name)) = (quoted(line, b"version = \""), name) {
                found(name, value);
            }
        }
    }
}

/// Tells `found` each name and version that dpkg's status file has as installed, as dpkg writes it.
/// Other stanzas are passed over.
///
/// ```text
/// Package: adduser
/// Status: install ok installed
/// Version: 3.152
/// ```
///
/// Whoever can change files can change this one: it explains, and decides nothing.
pub fn installed(bytes: &[u8], found: &mut dyn FnMut(&str, &str)) {
    let [mut name, mut version, mut is_installed] = [None, None, None];
    // The empty line at the end closes the last one.
    for line in lines(bytes).chain([b"".as_slice()]) {
        if let Some(value) = line.strip_prefix(b"Package: ") {
            name = plain(value);
        } else if let Some(value) = line.strip_prefix(b"Version: ") {
            version = plain(value);
        } else if let Some(value) = line.strip_prefix(b"Status: ") {
            is_installed = value.strip_suffix(b" installed").map(|_| "");
        } else if line.is_empty() {
            let stanza = (name.take(), version.take(), is_installed.take());
            if let (Some(name), Some(version), Some(_)) = stanza {
                found(name, version);
            }
        }
    }
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n')
}

fn quoted<'b>(line: &'b [u8], before: &[u8]) -> Option<&'b str> {
    plain(line.strip_prefix(before)?.strip_suffix(b"\"")?)
}

/// What a name or a version can be, and nothing that has to be escaped.
fn plain(bytes: &[u8]) -> Option<&str> {
    let is_plain = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(bytes).ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Found<'f> = &'f mut dyn FnMut(&str, &str);

    fn pairs(read: fn(&[u8], Found<'_>), bytes: impl AsRef<[u8]>) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        read(bytes.as_ref(), &mut |name, version| {
            pairs.push((name.to_owned(), version.to_owned()));
        });
        pairs
    }

    fn pair(name: &str, version: &str) -> (String, String) {
        (name.to_owned(), version.to_owned())
    }

    #[test]
    fn packages_of_a_lock() {
        let text = "version = 1\nsuite = \"trixie\"\n\n[[release]]\nname = \"debian/trixie\"\n\
                    version = \"9\"\n\n[[package]]\nname = \"a\"\nversion = \"1:2-3\"\n\
                    architecture = \"all\"\n\n[[package]]\nversion = \"4\"\n";
        assert_eq!(pairs(locked, text), [pair("a", "1:2-3")]);
    }

    #[test]
    fn only_whole_stanzas_count() {
        let stanza = |name: &str, status: &str, version: &str| {
            format!("Package: {name}\nStatus: install ok {status}\nVersion: {version}\n\n")
        };
        let mut text = stanza("a", "installed", "1-1");
        text += &stanza("gone", "config-files", "1");
        text += &stanza("half", "half-installed", "1");
        text += &stanza("spaced name", "installed", "1");
        text += &stanza("escape", "installed", "1\u{1b}[2J");
        text += "Package: nothing\n\n Package: folded\nVersion: 1\nStatus: x installed\n\n";
        text += stanza("last", "installed", "2").trim_end();
        assert_eq!(
            pairs(installed, &text),
            [pair("a", "1-1"), pair("last", "2")]
        );
        assert_eq!(
            pairs(installed, b"\xff\n\nPackage: \xff\nVersion: \xff"),
            []
        );
    }
}
