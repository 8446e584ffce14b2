//! Signed Debian archives made by code, for `file:` URIs.

use std::path::{Path, PathBuf};

use karat::digest::Digest;

use super::deb::{Compression, Deb, compress};
use super::pgp::Key;

/// When test archives are made, unless a test says otherwise: 2025-10-09T08:53:20Z.
pub const DATE: u64 = 1_760_000_000;

/// One suite of an archive in the making: one component, `main`.
#[derive(Clone, Debug)]
pub struct Repository {
    pub suite: String,
    pub codename: String,
    pub date: u64,
    pub valid_until: Option<u64>,
    /// When the signature says that it was made; `date` unless set.
    pub signed_at: Option<u64>,
    pub by_hash: bool,
    packages: Vec<Deb>,
}

impl Repository {
    /// An empty suite with `codename`.
    pub fn new(codename: &str) -> Self {
        Self {
            suite: "stable".to_owned(),
            codename: codename.to_owned(),
            date: DATE,
            valid_until: None,
            signed_at: None,
            by_hash: true,
            packages: Vec::new(),
        }
    }

    /// With a package.
    pub fn package(mut self, deb: Deb) -> Self {
        self.packages.push(deb);
        self
    }

    /// Writes `dists/CODENAME` and `pool` into `root`, signed by `key`; other suites that are
    /// there already stay.
    pub fn write(&self, root: &Path, key: &Key) {
        self.write_signed(root, |text| {
            key.sign(&text, self.signed_at.unwrap_or(self.date))
        });
    }

    /// As [`Repository::write`]; `sign` makes `InRelease` out of `Release`, rightly or not.
    pub fn write_signed(&self, root: &Path, sign: impl FnOnce(String) -> String) {
        let packages = self.packages(root);
        let dist = self.dist(root);
        let mut sums = String::new();
        for (suffix, compression) in [
            ("", Compression::None),
            (".gz", Compression::Gzip),
            (".xz", Compression::Xz),
        ] {
            let bytes = compress(packages.as_bytes(), compression);
            let name = format!("main/binary-amd64/Packages{suffix}");
            let digest = Digest::of(&bytes);
            put(&dist.join(&name), &bytes);
            put(
                &dist.join(format!("main/binary-amd64/by-hash/SHA256/{digest}")),
                &bytes,
            );
            sums += &format!(" {digest} {:>8} {name}\n", bytes.len());
        }
        let mut release = format!(
            "Origin: Test\nLabel: Test\nSuite: {}\nCodename: {}\nDate: {}\n",
            self.suite,
            self.codename,
            rfc2822(self.date)
        );
        if let Some(time) = self.valid_until {
            release += &format!("Valid-Until: {}\n", rfc2822(time));
        }
        if self.by_hash {
            release += "Acquire-By-Hash: yes\n";
        }
        release += "Architectures: all amd64\nComponents: main\nDescription: test\nSHA256:\n";
        release += &sums;
        put(&dist.join("InRelease"), sign(release).as_bytes());
    }

    /// `dists/CODENAME` below `root`.
    pub fn dist(&self, root: &Path) -> PathBuf {
        root.join("dists").join(&self.codename)
    }

    /// The text of `Packages`; its files are written to `root`.
    fn packages(&self, root: &Path) -> String {
        let mut text = String::new();
        for deb in &self.packages {
            let bytes = deb.build();
            let path = format!("pool/main/{}/{}", deb.value("Package"), deb.file_name());
            put(&root.join(&path), &bytes);
            text += &format!(
                "{}Filename: {path}\nSize: {}\nSHA256: {}\n\n",
                deb.stanza(),
                bytes.len(),
                Digest::of(&bytes)
            );
        }
        text
    }
}

/// A flat repository in the making: packages, index and Release in one directory.
#[derive(Clone, Debug)]
pub struct Flat {
    /// Where below the base: empty, or a path with `/` at its end.
    pub directory: String,
    /// The fields of the Release before its checksums.
    pub fields: String,
    /// What the index says before the names of files below the base.
    pub prefix: String,
    /// Which forms of the index there are, by suffix.
    pub forms: Vec<&'static str>,
    /// When it is signed.
    pub signed_at: u64,
    packages: Vec<Deb>,
}

impl Flat {
    /// An empty one, whose Release says no more than it must.
    pub fn new() -> Self {
        Self {
            directory: String::new(),
            fields: String::new(),
            prefix: "./".to_owned(),
            forms: vec!["", ".gz", ".xz"],
            signed_at: DATE,
            packages: Vec::new(),
        }
    }

    /// With a package.
    pub fn package(mut self, deb: Deb) -> Self {
        self.packages.push(deb);
        self
    }

    /// Writes everything below `base`, signed by `key`.
    pub fn write(&self, base: &Path, key: &Key) {
        let place = base.join(&self.directory);
        let mut text = String::new();
        for deb in &self.packages {
            let bytes = deb.build();
            // As dpkg-name(1) writes a version with an epoch, and dpkg-scanpackages(1) lists it.
            let version = deb.value("Version");
            let name = match version.split_once(':') {
                Some((epoch, rest)) => deb.file_name().replace(rest, &format!("{epoch}%3a{rest}")),
                None => deb.file_name(),
            };
            put(&place.join(&name), &bytes);
            text += &format!(
                "{}Filename: {}{}{name}\nSize: {}\nSHA256: {}\n\n",
                deb.stanza(),
                self.prefix,
                self.directory,
                bytes.len(),
                Digest::of(&bytes)
            );
        }
        let mut release = format!("{}SHA256:\n", self.fields);
        for suffix in &self.forms {
            let compression = match *suffix {
                ".gz" => Compression::Gzip,
                ".xz" => Compression::Xz,
                _ => Compression::None,
            };
            let bytes = compress(text.as_bytes(), compression);
            let digest = Digest::of(&bytes);
            put(&place.join(format!("Packages{suffix}")), &bytes);
            put(&place.join(format!("by-hash/SHA256/{digest}")), &bytes);
            release += &format!(" {digest} {} Packages{suffix}\n", bytes.len());
        }
        let signed = key.sign(&release, self.signed_at);
        put(&place.join("InRelease"), signed.as_bytes());
    }
}

/// The `file:` URI of a directory.
pub fn uri(root: &Path) -> String {
    format!("file:{}", root.display())
}

fn put(path: &Path, bytes: &[u8]) {
    let parent = path.parent().expect("a file in a directory");
    std::fs::create_dir_all(parent).expect("a directory");
    std::fs::write(path, bytes).expect("a file");
}

/// A date as Release files have it: `Thu, 09 Oct 2025 08:53:20 UTC`.
pub fn rfc2822(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).expect("before the year 9999");
    jiff::Timestamp::from_second(seconds)
        .expect("before the year 9999")
        .strftime("%a, %d %b %Y %H:%M:%S UTC")
        .to_string()
}
