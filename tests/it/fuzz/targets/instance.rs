//! What an instance reads: its manifest, its expectations, its own files, and what its kernel shows.

use karat::appraise::BootId;
use karat::appraise::program::Program;
use karat::baseline::ImageName;
use karat::boot::tpm::{self, FloorIndex, TpmFloor};
use karat::boot::{Plan, Report, Share, Timings};
use karat::expect::Expectations;
use karat::expect::fact::{Listener, Packet, SysctlName, WordRule, ruleset as parse_ruleset};
use karat::instance::{Blessing, Policy, State};
use karat::limits;
use karat::manifest::Manifest;
use karat::path::{Glob, ImagePath};
use karat::tree::Kind;

use super::seeds::{texts, vectors};
use crate::image::fixture::Fixture;

/// One tree has one spelling.
pub fn manifest(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::parse(bytes) {
        assert_eq!(manifest.to_bytes(), bytes);
    }
}

pub fn manifest_seeds() -> Vec<Vec<u8>> {
    let (tree, _) = crate::image::fixture::odd_tree(true).seal();
    let mut seeds = vectors("manifest");
    seeds.push(Manifest::of(&tree).to_bytes());
    seeds
}

/// One spelling, and patterns that answer for any path.
pub fn expectations(bytes: &[u8]) {
    if let Ok(expectations) = Expectations::parse(bytes) {
        assert_eq!(expectations.to_bytes(), bytes);
        for path in ["/", "/var/lib/a/b", "/etc/passwd"] {
            _ = expectations.of(&ImagePath::parse(path).unwrap());
        }
    }
}

pub fn expectation_seeds() -> Vec<Vec<u8>> {
    let page = include_str!("../../../../docs/formats/expectations.md");
    let mut seeds: Vec<Vec<u8>> = page
        .split("```json\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0.as_bytes().to_vec()))
        .collect();
    seeds.push(Expectations::default().to_bytes());
    seeds.extend(texts([
        "{\"mutable\":[{\"class\":\"state\",\"origin\":\"package:a\",\"path\":\"/var/lib/ssh/**\"}],\"version\":1}\n",
    ]));
    seeds
}

/// Each rule of a fact is written as it was read.
pub fn fact_rules(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(rule) = text.parse::<Listener>() {
        assert_eq!(rule.to_string().parse::<Listener>().as_ref(), Ok(&rule));
    }
    if let Ok(rule) = text.parse::<Packet>() {
        assert_eq!(rule.to_string().parse::<Packet>().as_ref(), Ok(&rule));
    }
    if let Ok(name) = text.parse::<SysctlName>() {
        assert_eq!(name.to_string().parse::<SysctlName>().as_ref(), Ok(&name));
        assert!(
            name.relative()
                .split('/')
                .all(|part| !matches!(part, "" | "." | ".."))
        );
    }
    _ = text.parse::<WordRule>();
}

pub fn fact_rule_seeds() -> Vec<Vec<u8>> {
    texts([
        "tcp 0.0.0.0:22",
        "tcp *:80-90",
        "udp [::1]:53",
        "udp6 [fe80::1]:1-65535",
        "all 0x0003",
        "ip 1000",
        "kernel.kptr_restrict",
        "net/ipv4/conf/eth0.1/rp_filter",
        "net.ipv4.conf.*.rp_filter",
        "quiet",
        "root=*",
    ])
}

/// A pattern answers for any path, soon: the bytes are the pattern, a line feed, and a path.
pub fn glob(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let (pattern, path) = text.split_once('\n').unwrap_or((text, "/a"));
    let Ok(glob) = Glob::parse(pattern) else {
        return;
    };
    assert_eq!(
        Glob::parse(glob.as_str()).as_ref().map(Glob::as_str),
        Ok(pattern)
    );
    if let Ok(path) = ImagePath::parse(path) {
        let matched = glob.matches(&path);
        // Without anything special, a pattern is a path.
        if !pattern.contains(['*', '?', '[', '\\', '{']) {
            assert_eq!(matched, pattern.as_bytes() == path.as_bytes());
        }
    }
}

pub fn glob_seeds() -> Vec<Vec<u8>> {
    let stars = format!("/{}b\n/{}", "*a".repeat(30), "a".repeat(200));
    texts([
        "/var/lib/ssh/**\n/var/lib/ssh/a/b",
        "/etc/*.conf\n/etc/a.conf",
        "/a\n/a",
        "/**/x/**/y\n/x/x/x/y",
        "/a?\n/ab",
        &stars,
    ])
}

/// One spelling.
pub fn policy(bytes: &[u8]) {
    if let Ok(policy) = Policy::parse(bytes) {
        assert_eq!(policy.to_bytes(), bytes);
    }
}

pub fn policy_seeds() -> Vec<Vec<u8>> {
    texts(["{\"expiry\":\"warn\",\"image\":\"base\",\"on_failure\":\"report\",\"version\":1}\n"])
}

/// One spelling; and what an initrd left word of is read without panic.
pub fn boot_plan(bytes: &[u8]) {
    if let Ok(plan) = Plan::parse(bytes) {
        assert_eq!(plan.to_bytes().as_deref(), Ok(bytes));
    }
    if let Ok(booted) = Report::read(bytes) {
        assert_eq!(booted.root_hash.to_string().len(), 64);
    }
    _ = karat::boot::mapper::device(bytes);
    if let Ok(timings) = Timings::read(bytes)
        && let Some(share) = timings.share()
        && let Some(again) = Share::of_line(&share.line())
    {
        assert!(share.own - again.own < 100 && share.took - again.took < 100);
    }
    if let Some(share) = std::str::from_utf8(bytes).ok().and_then(Share::of_line) {
        assert_eq!(Share::of_line(&share.line()), Some(share));
    }
}

pub fn boot_plan_seeds() -> Vec<Vec<u8>> {
    let page = include_str!("../../../../docs/formats/boot.md");
    page.split("```json\n")
        .skip(1)
        .filter_map(|rest| Some(rest.split_once("```")?.0.as_bytes().to_vec()))
        .collect()
}

/// What a TPM answers: no panic, and a floor has one spelling.
pub fn tpm_answer(bytes: &[u8]) {
    drop(tpm::check(bytes));
    let place = FloorIndex::of(&ImageName::parse("base").unwrap());
    drop(tpm::index(bytes, place.handle(), FloorIndex::SIZE));
    let stored = tpm::stored(bytes).unwrap_or(bytes);
    if let TpmFloor::Kept(floor) = place.read(stored) {
        assert_eq!(place.bytes(floor), stored);
    }
}

pub fn tpm_answer_seeds() -> Vec<Vec<u8>> {
    let place = FloorIndex::of(&ImageName::parse("base").unwrap());
    let floor = place.bytes(tpm::Floor {
        serial: 5,
        trust_root: 2,
    });
    let answer = |code: u32, body: &[u8]| {
        let size = u32::try_from(10 + body.len()).unwrap();
        [
            &[0x80, 2][..],
            &size.to_be_bytes(),
            &code.to_be_bytes(),
            body,
        ]
        .concat()
    };
    // Of the command that makes an index, the end says how it is made.
    let defined = tpm::define(place.handle(), FloorIndex::SIZE);
    let public = &defined[defined.len() - 16..];
    let read = [&[0, 0, 0, 66, 0, 64][..], &floor, &[0, 0, 1, 0, 0]].concat();
    vec![
        answer(0, &[]),
        answer(0x18b, &[]),
        answer(0, &[public, &[0, 34], &[7; 34]].concat()),
        answer(0, &read),
        floor,
    ]
}

/// One spelling behind its digest: the bytes stand behind a digest of them as well as for themselves.
pub fn state(bytes: &[u8]) {
    let head = format!("karat-state/1 {}\n", karat::digest::Digest::of(bytes));
    for bytes in [bytes, &[head.as_bytes(), bytes].concat()] {
        if let Ok(state) = State::parse(bytes) {
            assert_eq!(state.to_bytes(), bytes);
            assert!(State::FILES.contains(&state.file()));
        }
    }
}

pub fn state_seeds() -> Vec<Vec<u8>> {
    let body = "{\"generation\":3,\"log_size\":12,\"serials\":{\"base\":4,\"web\":9007199254740991},\"trust_root\":2}\n";
    let head = format!(
        "karat-state/1 {}\n",
        karat::digest::Digest::of(body.as_bytes())
    );
    texts([body.to_owned(), head + body, body.replace(":3,", ":0,")])
}

const BOOT: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// Only a report that says match, of this boot, blesses it.
pub fn report(bytes: &[u8]) {
    let Ok(boot) = BOOT.parse::<BootId>() else {
        panic!("a boot id");
    };
    if Blessing::of(bytes, &boot).is_ok() {
        let report: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(
            (&report["verdict"], &report["boot_id"]),
            (&"match".into(), &BOOT.into())
        );
    }
}

pub fn report_seeds() -> Vec<Vec<u8>> {
    let report = format!(
        "{{\"schema\":\"verify-report/1\",\"verdict\":\"match\",\"assurance\":\"self\",\"boot_id\":\"{BOOT}\",\
         \"baseline\":{{\"name\":\"base\",\"serial\":4,\"trust_root_version\":2}}}}"
    );
    texts([
        report.clone(),
        report.replace("match", "drift"),
        report.replace("0123", "0124"),
    ])
}

/// What the packet filter lists is settled by reading it once.
pub fn ruleset(bytes: &[u8]) {
    let Ok(objects) = parse_ruleset(bytes) else {
        return;
    };
    let again = format!("{{\"nftables\":[{}]}}", objects.join(","));
    assert_eq!(parse_ruleset(again.as_bytes()).as_ref(), Ok(&objects));
}

pub fn ruleset_seeds() -> Vec<Vec<u8>> {
    texts([
        r#"{"nftables":[{"metainfo":{"version":"1"}},{"table":{"family":"inet","name":"f","handle":1}},
        {"set":{"family":"inet","table":"f","name":"s","handle":3,"type":"ipv4_addr","flags":["dynamic"],"elem":["b","a"]}},
        {"chain":{"family":"inet","table":"f","name":"in","handle":2,"hook":"input","prio":0}},
        {"rule":{"family":"inet","table":"f","chain":"in","handle":4,"expr":[{"counter":{"packets":1,"bytes":2}},{"accept":null}]}}]}"#,
        r#"{"nftables":[]}"#,
    ])
}

/// What the kernel shows and accounts: each place's parser takes the bytes or says why not.
pub fn kernel_tables(bytes: &[u8]) {
    let understood = karat::sys::facts::read_as_each(bytes);
    assert!(understood <= 12);
}

pub fn kernel_table_seeds() -> Vec<Vec<u8>> {
    texts([
        "root:x:0:0:root:/root:/bin/bash\nweb::1500:1500::/home/web:/bin/sh\n",
        "root:$y$j9T$x:20000:0:99999:7:::\nweb:!:20000::::::\n",
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
         0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n",
        "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n0000000000000000 3 3 0003 2 1 0 1000 1\n",
        "Num       RefCount Protocol Flags    Type St Inode Path\n0000000000000000: 00000002 00000000 00010000 0001 01 1 /run/a b\n",
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n23 22 0:5 / /a\\040b rw - proc proc rw\n",
        "nft_chain 16384 1 nft, Live 0xffffffffc0000000\next4 1 0 - Live 0x0 (E)\n",
        "none [integrity] confidentiality\n",
        "LD_PRELOAD=/a.so\0HOME=/\0GLIBC_TUNABLES=x\0",
        "quiet root=UUID=x \"a b\"\n",
    ])
}

/// A program is taken only whole and as the manifest has it: here the manifest is made of the bytes.
pub fn elf(bytes: &[u8]) {
    const PATH: &str = "/usr/sbin/nft";
    let mut tree = Fixture::new(true);
    tree.directory("/usr")
        .directory("/usr/sbin")
        .directory("/usr/lib")
        .file(PATH, bytes);
    tree.file("/usr/lib/ld.so", bytes)
        .symlink("/usr/lib/libc.so.6", "ld.so");
    let (tree, _) = tree.seal();
    let manifest = Manifest::of(&tree);
    let mut asked = 0;
    let program = Program::verify(
        &manifest,
        &ImagePath::parse(PATH).unwrap(),
        &mut |path, _| {
            asked += 1;
            let entry = manifest.get(path).expect("only what is listed is read");
            assert!(matches!(entry.kind, Kind::Regular(_)));
            Ok(bytes.to_vec())
        },
    );
    assert!(asked <= limits::PROGRAM_LIBRARIES_MAX + 2);
    if let Ok(program) = program {
        assert_eq!(program.main().bytes(), bytes);
        assert!(program.libraries().len() <= limits::PROGRAM_LIBRARIES_MAX);
    }
}

pub fn elf_seeds() -> Vec<Vec<u8>> {
    let mut file = vec![0; 0x200];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    let header = |kind: u32, offset: u64, address: u64, size: u64| {
        let mut header = [0; 56];
        header[..4].copy_from_slice(&kind.to_le_bytes());
        for (at, value) in [(8, offset), (16, address), (32, size)] {
            header[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        header
    };
    put(0, b"\x7fELF\x02\x01");
    put(32, &64_u64.to_le_bytes());
    put(54, &56_u16.to_le_bytes());
    put(56, &3_u16.to_le_bytes());
    put(64, &header(1, 0, 0x1000, 0x200));
    put(120, &header(3, 0x110, 0x1110, 15));
    put(176, &header(2, 0x140, 0x1140, 80));
    put(0x110, b"/usr/lib/ld.so\0");
    put(0x120, b"\0libc.so.6\0me.so\0");
    for (at, (tag, value)) in [(5_u64, 0x1120_u64), (10, 32), (1, 1), (14, 11), (0, 0)]
        .iter()
        .enumerate()
    {
        put(0x140 + at * 16, &tag.to_le_bytes());
        put(0x148 + at * 16, &value.to_le_bytes());
    }
    vec![
        file.clone(),
        file[..64].to_vec(),
        b"\x7fELF\x02\x01".to_vec(),
    ]
}

/// What an ssh-agent answers: a list of keys, or a signature.
pub fn agent_answers(bytes: &[u8]) {
    let (keys, has_signature) = karat::sys::signer::agent_answer(bytes);
    assert!(keys * 8 <= bytes.len());
    assert!(keys == 0 || !has_signature);
}

pub fn agent_answer_seeds() -> Vec<Vec<u8>> {
    let text = |bytes: &[u8]| {
        [
            &u32::try_from(bytes.len()).unwrap().to_be_bytes()[..],
            bytes,
        ]
        .concat()
    };
    let blob = [text(b"ssh-ed25519"), text(&[7; 32])].concat();
    let signature = [text(b"ssh-ed25519"), text(&[7; 64])].concat();
    vec![
        [
            &[12, 0, 0, 0, 2][..],
            &text(&blob),
            &text(b"comment"),
            &text(&blob),
            &text(b""),
        ]
        .concat(),
        [&[14][..], &text(&signature)].concat(),
        vec![12, 0xff, 0xff, 0xff, 0xff],
    ]
}
