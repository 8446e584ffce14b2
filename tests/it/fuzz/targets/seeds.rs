//! Seeds from the attack kit in `tests/vectors`, which the tests make by code.

use std::fs;
use std::path::{Path, PathBuf};

/// The inputs of all files of one kind of the kit, in the order of their names.
pub fn vectors(kind: &str) -> Vec<Vec<u8>> {
    inputs(&directory().join(kind), |file| {
        let end = file.windows(2).position(|pair| pair == b"\n\n")?;
        Some(file[end + 2..].to_vec())
    })
}

/// Inputs that once broke a property of the target `name`, whole files.
pub fn found(name: &str) -> Vec<Vec<u8>> {
    inputs(&directory().join("fuzz").join(name), |file| {
        Some(file.to_vec())
    })
}

/// Texts as bytes.
pub fn texts<T: AsRef<[u8]>>(texts: impl IntoIterator<Item = T>) -> Vec<Vec<u8>> {
    texts
        .into_iter()
        .map(|text| text.as_ref().to_vec())
        .collect()
}

/// `tests/vectors` of the repository, from its own package or from that in `fuzz`.
fn directory() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let repository = if package.ends_with("fuzz") {
        package.join("..")
    } else {
        package.to_owned()
    };
    repository.join("tests/vectors")
}

fn inputs(directory: &Path, take: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("README.md"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| take(&fs::read(path).unwrap());
    files.iter().filter_map(read).collect()
}
