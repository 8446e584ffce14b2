//! `tests/vectors/manifest`: one file for each input, its verdict in the header.

use super::*;

#[test]
fn every_manifest_of_the_kit_gets_its_verdict() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/manifest");
    let mut count = 0;
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "txt") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        let (header, manifest) = (&bytes[..end], &bytes[end + 2..]);
        let expected = std::str::from_utf8(header).unwrap();
        let found = match Manifest::parse(manifest) {
            Ok(parsed) => {
                assert_eq!(parsed.to_bytes(), manifest, "{}", path.display());
                "expect: accepted".to_owned()
            }
            Err(error) => format!("expect: line {}: {:?}", error.line, error.rule),
        };
        assert_eq!(found, expected, "{}", path.display());
        count += 1;
    }
    assert!(count >= 45, "only {count} vectors were found");
}
