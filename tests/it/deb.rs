//! Packages, hostile ones among them: each attack has its own error.

use std::io::{Cursor, Read as _};

use karat::deb::archive::{Archive, DebError, Entry, EntryKind};

use crate::support::deb::{Compression, Deb, ar, compress, header};

fn open(bytes: Vec<u8>) -> Result<Archive<Cursor<Vec<u8>>>, DebError> {
    Archive::open(Cursor::new(bytes))
}

/// All entries of `data.tar`, contents read.
fn entries(bytes: Vec<u8>) -> Result<Vec<(Entry, Vec<u8>)>, DebError> {
    let mut archive = open(bytes)?;
    let mut data = archive.data()?;
    let mut all = Vec::new();
    while let Some(entry) = data.next()? {
        let mut content = Vec::new();
        data.content()
            .read_to_end(&mut content)
            .map_err(|error| DebError::Read(error.to_string()))?;
        all.push((entry, content));
    }
    Ok(all)
}

fn tar_of(headers: &[tar::Header]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for header in headers {
        let mut header = header.clone();
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
    }
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

/// A package with these members and nothing else said about it.
fn members(list: &[(&str, &[u8])]) -> Result<Archive<Cursor<Vec<u8>>>, DebError> {
    open(ar(list))
}

fn with(header: tar::Header) -> Vec<u8> {
    Deb::new("hostile", "1").raw(header, b"").build()
}

#[test]
fn every_compression_gives_the_same_package() {
    let deb = Deb::new("plain", "1")
        .field("Depends", "a (>= 1),\n b")
        .file("/usr/share/x", 0o4755, b"content")
        .symlink("/usr/share/l", "x")
        .hard_link("/usr/share/h", "/usr/share/x")
        .file(&format!("/usr/share/{}", "long/".repeat(40)), 0o644, b"")
        .control("conffiles", "/etc/a\nremove-on-upgrade /etc/b\n");
    let plain = entries(deb.clone().compression(Compression::None).build()).unwrap();
    assert!(plain.iter().any(|(entry, content)| {
        entry.path.to_string() == "/usr/share/x" && entry.mode == 0o4755 && content == b"content"
    }));
    assert!(plain.iter().any(|(entry, _)| {
        matches!(&entry.kind, EntryKind::HardLink(to) if to.to_string() == "/usr/share/x")
    }));
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let bytes = deb.clone().compression(compression).build();
        assert_eq!(entries(bytes.clone()).unwrap(), plain, "{compression:?}");
        let control = open(bytes).unwrap().control().unwrap();
        assert_eq!(control.field("depends"), "a (>= 1),\n b");
        assert_eq!(control.conffiles().len(), 2);
        assert_eq!(control.conffiles()[1].1, Some("remove-on-upgrade"));
    }
}

#[test]
fn a_path_that_climbs_is_refused() {
    for path in ["../etc/passwd", "./usr/../../etc/passwd", "/.."] {
        let mut header = header(tar::EntryType::Regular, 0o644, 0);
        header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
        assert!(
            matches!(entries(with(header)), Err(DebError::Path { .. })),
            "{path}"
        );
    }
}

#[test]
fn an_absolute_path_stays_inside() {
    let mut header = header(tar::EntryType::Regular, 0o644, 0);
    header.as_gnu_mut().unwrap().name[..11].copy_from_slice(b"/etc/passwd");
    let all = entries(with(header)).unwrap();
    assert_eq!(all.last().unwrap().0.path.to_string(), "/etc/passwd");
}

#[test]
fn a_device_node_is_refused() {
    for kind in [tar::EntryType::Block, tar::EntryType::Char] {
        let mut header = header(kind, 0o666, 0);
        header.set_path("dev/sda").unwrap();
        assert_eq!(
            entries(with(header)),
            Err(DebError::Device("dev/sda".to_owned()))
        );
    }
}

#[test]
fn a_hard_link_that_climbs_is_refused() {
    let mut header = header(tar::EntryType::Link, 0o644, 0);
    header.set_path("a").unwrap();
    header.as_gnu_mut().unwrap().linkname[..16].copy_from_slice(b"../../etc/shadow");
    assert!(matches!(
        entries(with(header)),
        Err(DebError::HardLink { .. })
    ));
}

#[test]
fn a_symlink_without_target_is_refused() {
    let mut header = header(tar::EntryType::Symlink, 0o777, 0);
    header.set_path("a").unwrap();
    assert_eq!(
        entries(with(header)),
        Err(DebError::Symlink("a".to_owned()))
    );
}

#[test]
fn a_pax_header_is_refused_as_dpkg_refuses_it() {
    for kind in [
        tar::EntryType::XHeader,
        tar::EntryType::XGlobalHeader,
        tar::EntryType::GNUSparse,
    ] {
        let mut header = header(kind, 0o644, 0);
        header.set_path("a").unwrap();
        assert!(matches!(entries(with(header)), Err(DebError::Tar { .. })));
    }
}

#[test]
fn a_bomb_in_the_control_archive_ends_at_its_cap() {
    let size = usize::try_from(karat::limits::DEB_CONTROL_MAX).unwrap();
    let mut large = header(tar::EntryType::Regular, 0o644, size);
    large.set_path("templates").unwrap();
    let mut tar = tar_of(&[large]);
    tar.resize(size + 4096, 0);
    let control = compress(&tar, Compression::Zstd);
    let mut archive = members(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar.zst", &control),
        ("data.tar", &[0; 1024]),
    ])
    .unwrap();
    assert!(control.len() < 1 << 20);
    let answer = archive.control();
    assert!(
        matches!(
            answer,
            Err(DebError::Compression { .. } | DebError::TooLarge { .. })
        ),
        "{answer:?}"
    );
}

#[test]
fn a_long_name_of_four_gigabytes_is_not_read() {
    let mut long = header(tar::EntryType::GNULongName, 0o644, 0);
    long.set_size(u64::from(u32::MAX));
    assert!(matches!(
        entries(with(long)),
        Err(DebError::TooLarge { .. })
    ));
}

#[test]
fn a_truncated_package_is_refused_at_every_length() {
    let whole = Deb::new("cut", "1")
        .file("/a", 0o644, b"0123456789")
        .compression(Compression::Gzip)
        .build();
    assert!(entries(whole.clone()).is_ok());
    // The last byte may be padding after a member of odd length.
    for length in 0..whole.len() - 1 {
        let cut = whole[..length].to_vec();
        assert!(entries(cut).is_err(), "{length}");
    }
}

#[test]
fn members_that_are_missing_repeated_or_unknown_are_refused() {
    let control: &[u8] = &tar_of(&[]);
    let data: &[u8] = &tar_of(&[]);
    let version: &[u8] = b"2.0\n";
    let good = [
        ("debian-binary", version),
        ("control.tar", control),
        ("data.tar", data),
    ];
    assert!(members(&good).is_ok());
    let signed = [good[0], ("_gpgorigin", data), good[1], good[2]];
    assert!(members(&signed).is_ok());
    for bad in [
        vec![good[0], good[1]],
        vec![good[1], good[0], good[2]],
        vec![good[0], good[2], good[1]],
        vec![good[0], good[1], good[2], ("data.tar.gz", data)],
        vec![good[0], good[1], good[2], ("extra", data)],
        vec![good[0], good[1], good[1], good[2]],
        vec![("debian-binary", b"3.0\n".as_slice()), good[1], good[2]],
    ] {
        assert!(matches!(members(&bad), Err(DebError::Members(_))));
    }
    let lzma = [good[0], good[1], ("data.tar.lzma", data)];
    assert!(matches!(entries(ar(&lzma)), Err(DebError::Members(_))));
    for odd in ["a/b", "", "x y"] {
        assert!(
            matches!(members(&[good[0], (odd, data)]), Err(DebError::Ar(_))),
            "{odd}"
        );
    }
    assert!(matches!(open(b"PK\x03\x04".to_vec()), Err(DebError::Ar(_))));
}

#[test]
fn control_members_that_are_no_plain_files_are_refused() {
    for (kind, name) in [
        (tar::EntryType::Symlink, "postinst"),
        (tar::EntryType::Regular, "sub/postinst"),
        (tar::EntryType::Regular, "list"),
        (tar::EntryType::Directory, "scripts"),
    ] {
        let mut entry = header(kind, 0o755, 0);
        entry.set_path(name).unwrap();
        if kind == tar::EntryType::Symlink {
            entry.set_link_name("/etc/passwd").unwrap();
        }
        let control = tar_of(&[entry]);
        let mut archive = members(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar", &control),
            ("data.tar", &[0; 1024]),
        ])
        .unwrap();
        assert!(
            matches!(archive.control(), Err(DebError::ControlMember(_))),
            "{name}"
        );
    }
}
