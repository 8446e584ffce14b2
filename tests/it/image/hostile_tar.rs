//! Archives that mean harm, or different things to different programs.

use karat::image::tar::{self, TarError};
use karat::limits;
use karat::path::PathError;

use super::fixture::{epoch, origin, path};

/// One header, as simple programs write it.
pub fn header(name: &[u8], kind: u8, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len().min(100)].copy_from_slice(&name[..name.len().min(100)]);
    block[100..108].copy_from_slice(b"0000644\0");
    block[108..116].copy_from_slice(b"0000000\0");
    block[116..124].copy_from_slice(b"0000000\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[136..148].copy_from_slice(b"00000000000\0");
    block[156] = kind;
    seal_header(&mut block);
    block
}

/// Puts magic and a right checksum into a header.
pub fn seal_header(block: &mut [u8]) {
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// An entry with its data, padded.
pub fn entry(name: &[u8], kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = header(name, kind, data.len() as u64).to_vec();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// A hard or symbolic link.
pub fn link(name: &[u8], kind: u8, target: &[u8]) -> Vec<u8> {
    let mut block = header(name, kind, 0);
    block[157..157 + target.len()].copy_from_slice(target);
    seal_header(&mut block);
    block.to_vec()
}

/// pax records for the entry that follows.
pub fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..rest + 20).find(|length| rest + length.to_string().len() == *length);
        body.extend_from_slice(format!("{} {key}=", length.unwrap()).as_bytes());
        body.extend_from_slice(value);
        body.push(b'\n');
    }
    entry(b"pax", b'x', &body)
}

/// An archive of these parts, with its end.
pub fn archive(parts: &[&[u8]]) -> Vec<u8> {
    [parts.concat().as_slice(), &[0; 1024]].concat()
}

fn read(bytes: &[u8]) -> Result<Vec<String>, TarError> {
    let mut keep = tar::keep_nothing;
    let (tree, _) = tar::read(bytes, epoch(), &origin(), &mut keep)?;
    Ok(tree.iter().map(|entry| entry.path.to_string()).collect())
}

fn refused(parts: &[&[u8]]) -> TarError {
    read(&archive(parts)).expect_err("it must be refused")
}

#[test]
fn a_plain_archive_is_read() {
    let bytes = archive(&[&entry(b"./d", b'5', b""), &entry(b"./d/f", b'0', b"x")]);
    assert_eq!(read(&bytes).unwrap(), ["/", "/d", "/d/f"]);
    // Directories that are only implied, and GNU tar's padding.
    let bytes = [archive(&[&entry(b"a/b/c", 0, b"x")]).as_slice(), &[0; 8192]].concat();
    assert_eq!(read(&bytes).unwrap(), ["/", "/a", "/a/b", "/a/b/c"]);
}

#[test]
fn name_climbs_out() {
    for name in [b"../etc/passwd".as_slice(), b"a/../../b", b"/..", b"./.."] {
        let error = refused(&[&entry(name, b'0', b"x")]);
        assert!(
            matches!(
                error,
                TarError::Name {
                    rule: PathError::DotDot,
                    ..
                }
            ),
            "{error}"
        );
    }
    let error = refused(&[&pax(&[("path", b"x/../../y")]), &entry(b"f", b'0', b"")]);
    assert!(
        matches!(
            error,
            TarError::Name {
                rule: PathError::DotDot,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn name_is_empty_or_too_long() {
    assert!(matches!(
        refused(&[&entry(b"", b'0', b"")]),
        TarError::Name { .. }
    ));
    let long = vec![b'a'; limits::NAME_MAX + 1];
    let error = refused(&[&pax(&[("path", &long)]), &entry(b"f", b'0', b"")]);
    assert!(
        matches!(
            error,
            TarError::Name {
                rule: PathError::TooLong,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn name_twice_hides_the_first() {
    let error = refused(&[&entry(b"f", b'0', b"good"), &entry(b"./f", b'0', b"evil")]);
    assert!(matches!(error, TarError::Duplicate(at) if at == path("/f")));
    let error = refused(&[&entry(b"d/f", b'0', b"x"), &entry(b"d", b'0', b"evil")]);
    assert!(matches!(error, TarError::Duplicate(at) if at == path("/d")));
}

#[test]
fn hard_link_to_outside_or_nowhere() {
    let error = refused(&[&link(b"l", b'1', b"../etc/shadow")]);
    assert!(
        matches!(
            error,
            TarError::Name {
                rule: PathError::DotDot,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(&[&link(b"l", b'1', b"/etc/shadow")]);
    assert!(matches!(error, TarError::HardLink { .. }), "{error}");
    let error = refused(&[&link(b"l", b'1', b"l")]);
    assert!(matches!(error, TarError::HardLink { .. }), "{error}");
    let error = refused(&[&entry(b"d", b'5', b""), &link(b"l", b'1', b"d")]);
    assert!(matches!(error, TarError::Tree(_)), "{error}");
}

#[test]
fn symlink_as_a_directory_leads_out() {
    let error = refused(&[&link(b"d", b'2', b"/etc"), &entry(b"d/passwd", b'0', b"x")]);
    assert!(matches!(error, TarError::Tree(_)), "{error}");
}

#[test]
fn root_is_no_directory() {
    for kind in *b"0236" {
        let error = refused(&[&link(b"./", kind, b"x")]);
        assert!(matches!(error, TarError::Type { .. }), "{error}");
    }
}

#[test]
fn file_with_a_slash_is_a_directory_to_some() {
    let error = refused(&[&entry(b"f/", b'0', b"x")]);
    assert!(
        matches!(error, TarError::Type { kind: b'0', .. }),
        "{error}"
    );
}

#[test]
fn data_where_the_type_has_none() {
    for kind in *b"123456" {
        let error = refused(&[&entry(b"f", kind, b"hidden")]);
        // A link whose target is empty is refused for that.
        let named = matches!(error, TarError::Type { .. } | TarError::Name { .. });
        assert!(named, "{kind}: {error}");
    }
}

#[test]
fn types_that_no_image_has() {
    for kind in *b"7DMNVXA" {
        let error = refused(&[&entry(b"f", kind, b"")]);
        assert!(matches!(error, TarError::Type { .. }), "{kind}: {error}");
    }
}

#[test]
fn sparse_files_read_differently() {
    let error = refused(&[&entry(b"f", b'S', b"")]);
    assert!(matches!(error, TarError::Sparse(0)), "{error}");
    for key in ["GNU.sparse.major", "GNU.sparse.name", "GNU.sparse.realsize"] {
        let error = refused(&[&pax(&[(key, b"1")]), &entry(b"f", b'0', b"")]);
        assert!(matches!(error, TarError::Record { .. }), "{error}");
    }
}

#[test]
fn records_for_all_that_follows() {
    let mut global = pax(&[("uid", b"0")]);
    global[156] = b'g';
    seal_header(&mut global[..512]);
    let error = refused(&[&global, &entry(b"f", b'0', b"")]);
    assert!(matches!(error, TarError::Record { key, .. } if key == b"uid"));
}

#[test]
fn records_that_change_the_meaning_unseen() {
    for (key, value) in [
        ("SCHILY.fflags", b"noatime".as_slice()),
        ("RHT.security.selinux", b"x"),
        ("SCHILY.realsize", b"1"),
        ("size", b"99999999999999999999999"),
        ("uid", b"-1"),
        ("mtime", b"later"),
        ("path", b"a\0b"),
        ("hdrcharset", b"EBCDIC"),
    ] {
        let error = refused(&[&pax(&[(key, value)]), &entry(b"f", b'0', b"")]);
        assert!(matches!(error, TarError::Record { .. }), "{key}: {error}");
    }
}

#[test]
fn names_given_in_two_ways() {
    let gnu = entry(b"././@LongLink", b'L', b"first\0");
    let error = refused(&[&gnu, &pax(&[("path", b"second")]), &entry(b"f", b'0', b"")]);
    assert!(matches!(error, TarError::Record { .. }), "{error}");
    let error = refused(&[&gnu, &gnu, &entry(b"f", b'0', b"")]);
    assert!(
        matches!(error, TarError::Type { kind: b'L', .. }),
        "{error}"
    );
}

#[test]
fn attributes_given_in_two_ways() {
    let acl = super::fixture::acl();
    let text = b"user::rw-,user:1000:rw-,group::r--,mask::rw-,other::r--".as_slice();
    let both = [
        ("SCHILY.acl.access", text),
        ("SCHILY.xattr.system.posix_acl_access", &acl),
    ];
    let error = refused(&[&pax(&both), &entry(b"f", b'0', b"")]);
    assert!(matches!(error, TarError::Acl(_)), "{error}");
    let error = refused(&[&pax(&both[..1]), &entry(b"f", b'0', b"")]);
    assert!(matches!(error, TarError::Acl(_)), "{error}");
    let both = [
        ("LIBARCHIVE.xattr.security.capability", b"ZXZpbA".as_slice()),
        ("SCHILY.xattr.security.capability", b"good"),
    ];
    let error = refused(&[&pax(&both), &entry(b"f", b'0', b"")]);
    assert!(matches!(error, TarError::Xattr(_)), "{error}");
}

#[test]
fn extension_larger_than_memory() {
    for kind in *b"xgLK" {
        let huge = header(b"f", kind, (8 << 30) - 1);
        assert!(
            matches!(refused(&[&huge]), TarError::ExtensionSize(0)),
            "{kind}"
        );
    }
    // Many below the cap, before one entry, are no way around it.
    let mut parts = Vec::new();
    for number in 0..30 {
        let key = format!("SCHILY.xattr.user.{number}");
        parts.push(pax(&[(&key, &vec![b'x'; 60_000])]));
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    assert!(matches!(refused(&parts), TarError::ExtensionSize(0)));
}

#[test]
fn archive_ends_in_the_middle() {
    let whole = archive(&[&entry(b"f", b'0', &[b'x'; 700])]);
    for length in [0, 100, 512, 600, 1024, 1536, 1537, 2048, 2500] {
        let error = read(&whole[..length]).expect_err("cut");
        assert!(matches!(error, TarError::Truncated(_)), "{length}: {error}");
    }
    let lone = [
        entry(b"f", b'0', b"").as_slice(),
        &[0; 512],
        &entry(b"g", b'0', b""),
    ]
    .concat();
    assert!(matches!(read(&lone), Err(TarError::Truncated(1024))));
    let dangling = pax(&[("path", b"x")]);
    assert!(matches!(refused(&[&dangling]), TarError::Truncated(_)));
}

#[test]
fn entries_behind_the_end() {
    let mut bytes = archive(&[&entry(b"f", b'0', b"")]);
    bytes.extend(archive(&[&entry(b"hidden", b'0', b"")]));
    assert!(matches!(read(&bytes), Err(TarError::Trailing(_))));
}

#[test]
fn header_that_is_none() {
    let mut block = header(b"f", b'0', 0);
    block[0] = b'g';
    assert!(matches!(refused(&[&block]), TarError::Checksum(0)));
    let mut old = header(b"f", b'0', 0);
    old[257..265].fill(0);
    old[148..156].fill(b' ');
    let sum: u32 = old.iter().map(|byte| u32::from(*byte)).sum();
    old[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert!(matches!(refused(&[&old]), TarError::Magic(0)));
    let mut odd = header(b"f", b'0', 0);
    odd[124..136].copy_from_slice(b"0000000000z\0");
    seal_header(&mut odd);
    assert!(matches!(
        refused(&[&odd]),
        TarError::Number { field: "size", .. }
    ));
}
