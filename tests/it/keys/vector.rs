//! The attack kit: one file per hostile input, with the verdict that it must get.
//!
//! A file starts with `name: value` lines (`expect`, `comment` and what else the kind of vector
//! needs); an empty line ends them, then come the input's bytes. The tests make each file anew and
//! compare; `KARAT_BLESS=1` writes them.

use std::path::PathBuf;

/// A hostile (or, for comparison, a good) input.
pub struct Vector {
    pub name: &'static str,
    pub comment: &'static str,
    pub expect: &'static str,
    /// Further header lines.
    pub with: Vec<(&'static str, String)>,
    pub bytes: Vec<u8>,
}

impl Vector {
    pub fn new(
        name: &'static str,
        expect: &'static str,
        comment: &'static str,
        bytes: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            name,
            comment,
            expect,
            with: Vec::new(),
            bytes: bytes.into(),
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.with.push((name, value.into()));
        self
    }

    fn file(&self) -> Vec<u8> {
        let mut text = format!("expect: {}\ncomment: {}\n", self.expect, self.comment);
        for (name, value) in &self.with {
            text.extend([name, ": ", value, "\n"]);
        }
        text.push('\n');
        [text.as_bytes(), &self.bytes].concat()
    }
}

fn directory(kind: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/vectors")
        .join(kind)
}

/// Every file of the kit is one of `vectors`, and the other way round; `judge` says what a vector
/// gets.
pub fn check(kind: &str, vectors: &[Vector], judge: impl Fn(&Vector) -> String) {
    let directory = directory(kind);
    let bless = std::env::var_os("KARAT_BLESS").is_some();
    if bless {
        std::fs::create_dir_all(&directory).unwrap();
    }
    let mut names = Vec::new();
    for vector in vectors {
        let path = directory.join(format!("{}.txt", vector.name));
        if bless {
            std::fs::write(&path, vector.file()).unwrap();
        }
        let there = std::fs::read(&path).unwrap_or_default();
        assert!(there == vector.file(), "{} is out of date", path.display());
        assert_eq!(judge(vector), vector.expect, "{}", vector.name);
        names.push(format!("{}.txt", vector.name));
    }
    names.sort();
    let mut files: Vec<String> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    files.sort();
    assert_eq!(files, names, "the kit and its files");
}
