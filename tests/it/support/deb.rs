//! Debian packages made by code (deb(5)), well-formed ones and, on demand, others.

use std::io::Write as _;

/// How a member of a `.deb` is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

/// A package in the making.
#[derive(Clone, Debug)]
pub struct Deb {
    fields: Vec<(String, String)>,
    control: Vec<(String, u32, Vec<u8>)>,
    data: Vec<Entry>,
    compression: Compression,
}

#[derive(Clone, Debug)]
struct Entry {
    /// As in the archive; `None` where the header says it all.
    path: Option<String>,
    header: tar::Header,
    target: String,
    bytes: Vec<u8>,
}

impl Deb {
    /// A package without any files.
    pub fn new(name: &str, version: &str) -> Self {
        let fields = [
            ("Package", name),
            ("Version", version),
            ("Architecture", "amd64"),
            ("Maintainer", "Nobody <nobody@example.org>"),
            ("Description", "made by a test"),
        ];
        let mut deb = Self {
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            control: Vec::new(),
            data: Vec::new(),
            compression: Compression::Xz,
        };
        deb.push("./", tar::EntryType::Directory, 0o755, "", &[]);
        deb
    }

    /// With a control field set or replaced.
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With a member of the control archive: `postinst`, `conffiles`, `triggers` …; those that
    /// dpkg runs are executable.
    pub fn control(mut self, name: &str, text: &str) -> Self {
        let script = ["preinst", "postinst", "prerm", "postrm", "config"].contains(&name);
        let mode = if script { 0o755 } else { 0o644 };
        self.control
            .push((name.to_owned(), mode, text.as_bytes().to_vec()));
        self
    }

    /// With a directory; `path` is absolute.
    pub fn directory(mut self, path: &str, mode: u32) -> Self {
        self.push(
            &format!(".{path}/"),
            tar::EntryType::Directory,
            mode,
            "",
            &[],
        );
        self
    }

    /// With a regular file; its parents are added where they are missing.
    pub fn file(mut self, path: &str, mode: u32, bytes: &[u8]) -> Self {
        self.push(
            &format!(".{path}"),
            tar::EntryType::Regular,
            mode,
            "",
            bytes,
        );
        self
    }

    /// With a symbolic link.
    pub fn symlink(mut self, path: &str, target: &str) -> Self {
        self.push(
            &format!(".{path}"),
            tar::EntryType::Symlink,
            0o777,
            target,
            &[],
        );
        self
    }

    /// With a hard link; `target` is absolute.
    pub fn hard_link(mut self, path: &str, target: &str) -> Self {
        let target = format!(".{target}");
        self.push(
            &format!(".{path}"),
            tar::EntryType::Link,
            0o644,
            &target,
            &[],
        );
        self
    }

    /// With any entry at all: for hostile packages. `header` is used as it is, but for its
    /// checksum.
    pub fn raw(mut self, mut header: tar::Header, bytes: &[u8]) -> Self {
        header.set_cksum();
        self.data.push(Entry {
            path: None,
            header,
            target: String::new(),
            bytes: bytes.to_vec(),
        });
        self
    }

    /// With another compression of both members.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The value of a control field.
    pub fn value(&self, name: &str) -> &str {
        let (_, value) = self
            .fields
            .iter()
            .find(|(known, _)| known == name)
            .expect("a field that was set");
        value
    }

    /// The control stanza, as in the package and in `Packages`.
    pub fn stanza(&self) -> String {
        self.fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect()
    }

    /// The file name that dpkg-deb would choose.
    pub fn file_name(&self) -> String {
        let version = self.value("Version");
        let version = version.split_once(':').map_or(version, |(_, rest)| rest);
        format!(
            "{}_{version}_{}.deb",
            self.value("Package"),
            self.value("Architecture")
        )
    }

    /// The bytes of the package.
    pub fn build(&self) -> Vec<u8> {
        let mut control = tar::Builder::new(Vec::new());
        let stanza = ("control".to_owned(), 0o644, self.stanza().into_bytes());
        for (name, mode, bytes) in std::iter::once(&stanza).chain(&self.control) {
            let mut header = header(tar::EntryType::Regular, *mode, bytes.len());
            copy(
                &mut header.as_gnu_mut().expect("GNU").name,
                &format!("./{name}"),
            );
            header.set_cksum();
            control.append(&header, bytes.as_slice()).expect("memory");
        }
        let control = control.into_inner().expect("memory");
        let data = self.data_tar();
        let suffix = match self.compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Xz => ".xz",
            Compression::Zstd => ".zst",
        };
        ar(&[
            ("debian-binary", b"2.0\n"),
            (
                &format!("control.tar{suffix}"),
                &compress(&control, self.compression),
            ),
            (
                &format!("data.tar{suffix}"),
                &compress(&data, self.compression),
            ),
        ])
    }

    fn data_tar(&self) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for entry in &self.data {
            let mut header = entry.header.clone();
            if let Some(path) = &entry.path {
                // The crate would drop the leading `./` that dpkg-deb writes.
                long_name(&mut tar, b'L', path);
                long_name(&mut tar, b'K', &entry.target);
                let header = header.as_gnu_mut().expect("a GNU header");
                copy(&mut header.name, path);
                copy(&mut header.linkname, &entry.target);
            }
            header.set_cksum();
            tar.append(&header, entry.bytes.as_slice()).expect("memory");
        }
        tar.into_inner().expect("memory")
    }

    fn push(&mut self, path: &str, kind: tar::EntryType, mode: u32, target: &str, bytes: &[u8]) {
        for (end, _) in path.trim_end_matches('/').match_indices('/').skip(1) {
            let parent = format!("{}/", &path[..end]);
            if !self
                .data
                .iter()
                .any(|entry| entry.path.as_ref() == Some(&parent))
            {
                self.entry(parent, tar::EntryType::Directory, 0o755, "", &[]);
            }
        }
        self.entry(path.to_owned(), kind, mode, target, bytes);
    }

    fn entry(&mut self, path: String, kind: tar::EntryType, mode: u32, target: &str, bytes: &[u8]) {
        self.data.push(Entry {
            path: Some(path),
            header: header(kind, mode, bytes.len()),
            target: target.to_owned(),
            bytes: bytes.to_vec(),
        });
    }
}

/// Writes a GNU long-name entry, if `text` needs one.
fn long_name(tar: &mut tar::Builder<Vec<u8>>, kind: u8, text: &str) {
    if text.len() > 100 {
        let mut header = header(tar::EntryType::new(kind), 0o644, text.len() + 1);
        copy(&mut header.as_gnu_mut().expect("GNU").name, "././@LongLink");
        header.set_cksum();
        let bytes = format!("{text}\0");
        tar.append(&header, bytes.as_bytes()).expect("memory");
    }
}

fn copy(field: &mut [u8; 100], text: &str) {
    let length = text.len().min(100);
    field[..length].copy_from_slice(&text.as_bytes()[..length]);
}

/// A tar header owned by root, with a fixed time.
pub fn header(kind: tar::EntryType, mode: u32, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_username("root").expect("short");
    header.set_groupname("root").expect("short");
    header.set_mtime(1_700_000_000);
    header.set_size(size as u64);
    header
}

/// An ar archive with these members.
pub fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, body) in members {
        let line = format!(
            "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n",
            1_700_000_000,
            0,
            0,
            "100644",
            body.len()
        );
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(body);
        if body.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// `bytes`, compressed.
pub fn compress(bytes: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => bytes.to_vec(),
        Compression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).expect("memory");
            encoder.finish().expect("memory")
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).expect("memory");
            encoder.finish().expect("memory")
        }
        Compression::Zstd => zstd::encode_all(bytes, 3).expect("memory"),
    }
}
