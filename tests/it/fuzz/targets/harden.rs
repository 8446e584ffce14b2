//! Files of rules, what they do to hostile files of a root, and their results; units, and how exposed they are.

use std::collections::BTreeMap;

use karat::harden::exposure::{Surveyed, survey};
use karat::harden::{
    Catalogue, Outcome, Profile, Results, Root, Selection, Stated, TreeView, apply,
};
use karat::path::ImagePath;
use karat::tree::{Epoch, Inode, Kind, MemoryBlobs, Mode, Open, Origin, Stat, Tree, Xattrs};

/// A rule for each way of writing directives, and for each file that a kind reads.
const RULES: &str = include_str!("../../../../src/harden/tests.toml");

/// The files that those rules read.
const FILES: [&str; 13] = [
    "/etc/default/grub",
    "/etc/default/useradd",
    "/etc/fstab",
    "/etc/kernel/cmdline",
    "/etc/login.defs",
    "/etc/nftables.conf",
    "/etc/passwd",
    "/etc/profile",
    "/etc/security/pwquality.conf",
    "/etc/ssh/sshd_config",
    "/etc/sudoers",
    "/etc/sysctl.d/50-x.conf",
    "/etc/systemd/journald.conf",
];

/// Results are spelt in one way, and none is without rules.
pub(super) fn rule_results(bytes: &[u8]) {
    if let Ok(results) = Results::parse(bytes) {
        assert_eq!(results.to_bytes().as_deref(), Ok(bytes));
        assert!(!results.results.is_empty());
    }
}

pub(super) fn rule_results_seeds() -> Vec<Vec<u8>> {
    let results = hardened(b"x = y\n", RULES).map(|(_, results)| results);
    let bytes = results.map(|results| results.to_bytes().unwrap());
    let mut seeds: Vec<Vec<u8>> = bytes.into_iter().collect();
    seeds.push(
        b"{\"catalogue\":\"00\",\"profile\":\"strict\",\"results\":[],\"version\":1}\n".to_vec(),
    );
    seeds
}

/// Bytes as rules, and as the content of every file that rules read: nothing panics, and rules that
/// are applied twice change nothing the second time.
pub(super) fn rules(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if Catalogue::of(&[("fuzz.toml".to_owned(), text.to_string())]).is_ok() {
        drop(hardened(b"[a]\nkey = value\n", &text));
    }
    let (tree, _) = hardened(bytes, RULES).expect("rules that are there");
    let selection = selection(RULES).expect("rules of the tests");
    let (mut new, blobs) = (MemoryBlobs::new(), tree.1);
    let twice = apply(tree.0, &selection, &mut new, &blobs).expect("rules that are there");
    for result in &twice.results.results {
        if result.outcome == Outcome::Pass {
            assert!(result.wrote.is_empty(), "{}: {:?}", result.id, result.wrote);
        }
    }
}

pub(super) fn rules_seeds() -> Vec<Vec<u8>> {
    [
        "Include /etc/ssh/*\nPermitRootLogin yes\nMatch User x\n  X11Forwarding yes\n",
        "Defaults env_reset,!use_pty , logfile=\"/a,b\"\nx ALL=(ALL) NOPASSWD: ALL\n@include x\n",
        "[Journal]\nStorage=auto\n;x\n[Other]\nStorage=\n",
        "export INACTIVE='30' # x\nGRUB_CMDLINE_LINUX=\"a b\"\n",
        "LABEL=x /tmp ext4 defaults,exec,nodev 0 2\n/dev/shm x\n",
        "kernel.kptr_restrict=1\nnet/ipv4/conf/*/rp_filter = 2\n-a.b\n",
        "minlen = 8\nenforce_for_root\nTMOUT=1\n",
        RULES,
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Bytes as a unit, and as a drop-in of another: the measure stays within its bounds, what is advised
/// lowers it, and a line more of what is advised comes to what was said.
pub(super) fn units(bytes: &[u8]) {
    let directory = "/usr/lib/systemd/system";
    let open = b"[Service]\nExecStart=/a\n";
    let files: [(String, &[u8]); 3] = [
        (format!("{directory}/a-b@.service"), bytes),
        (format!("{directory}/c.service"), open),
        (format!("{directory}/c.service.d/x.conf"), bytes),
    ];
    let first = surveyed(&files);
    for service in &first {
        assert!(service.exposure.tenths() <= 100);
        for advice in &service.advice {
            assert!(advice.exposure <= service.exposure, "{service:?}");
        }
    }
    let Some(advice) = first
        .iter()
        .find(|it| it.unit == "c.service")
        .and_then(|it| it.advice.first())
    else {
        return;
    };
    let line = format!("[Service]\n{}\n", advice.directive);
    let mut more = files.to_vec();
    more.push((format!("{directory}/c.service.d/y.conf"), line.as_bytes()));
    let again = surveyed(&more);
    let again = again.iter().find(|it| it.unit == "c.service");
    assert_eq!(again.map(|it| it.exposure), Some(advice.exposure), "{line}");
}

pub(super) fn units_seeds() -> Vec<Vec<u8>> {
    [
        "[Unit]\nDefaultDependencies=no\n[Service]\nUser=%i\nDynamicUser=yes\nProtectSystem=full\n",
        "[Service]\nCapabilityBoundingSet=~CAP_SYS_ADMIN 5\nCapabilityBoundingSet=CAP_KILL\nUMask=0077\n",
        "[Service]\nSystemCallFilter=@system-service \\\n# x\n swapon\nSystemCallFilter=~@mount:EPERM\n",
        "[Service]\nRestrictAddressFamilies=none\nRestrictNamespaces=~user mnt\nDelegate=\n",
        "[Service]\nIPAddressDeny=any\nIPAddressAllow=localhost 10.0.0.0/8 ::1\nDeviceAllow=/dev/null rw\n",
        "[Service]\nSystemCallArchitectures=native \"x86\"\nPrivateTmp=disconnected\nProtectProc=noaccess\n",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

fn surveyed(files: &[(String, &[u8])]) -> Vec<Surveyed> {
    let mut blobs = MemoryBlobs::new();
    let mut tree = Tree::new(Epoch::saturating(0));
    let origin = Origin::Package("x".to_owned());
    for (path, bytes) in files {
        let path = ImagePath::parse(path.as_str()).unwrap();
        tree.make_dirs(&path.parent().unwrap(), &origin).unwrap();
        let inode = Inode {
            stat: Stat::root(Mode::FILE),
            kind: Kind::Regular(blobs.add(bytes.to_vec())),
            xattrs: Xattrs::new(),
            origin: origin.clone(),
        };
        tree.insert(path, inode).unwrap();
    }
    let view = TreeView::new(&tree, &blobs);
    survey(&Root::new(&view, None), None).unwrap().services
}

fn selection(rules: &str) -> Option<Selection> {
    let catalogue = Catalogue::of(&[("fuzz.toml".to_owned(), rules.to_owned())]).ok()?;
    Some(Selection {
        catalogue,
        profile: Profile::Strict,
        except: BTreeMap::new(),
        stated: Some(Stated {
            category: Some("frontend".to_owned()),
            ..Stated::default()
        }),
        ceilings: BTreeMap::new(),
    })
}

/// A root each of whose files has these bytes, hardened; and where its bytes are.
fn hardened(bytes: &[u8], rules: &str) -> Option<((Tree<Open>, Both), Results)> {
    let selection = selection(rules)?;
    let mut blobs = MemoryBlobs::new();
    let mut tree = Tree::new(Epoch::saturating(0));
    let origin = Origin::Package("x".to_owned());
    for path in FILES {
        let path = ImagePath::parse(path).unwrap();
        tree.make_dirs(&path.parent().unwrap(), &origin).unwrap();
        let inode = Inode {
            stat: Stat::root(Mode::FILE),
            kind: Kind::Regular(blobs.add(bytes.to_vec())),
            xattrs: Xattrs::new(),
            origin: origin.clone(),
        };
        tree.insert(path, inode).unwrap();
    }
    let mut new = MemoryBlobs::new();
    let hardened = apply(tree, &selection, &mut new, &blobs).ok()?;
    Some(((hardened.tree, Both(new, blobs)), hardened.results))
}

/// Two stores of bytes as one.
struct Both(MemoryBlobs, MemoryBlobs);

impl karat::tree::Blobs for Both {
    fn open(
        &self,
        content: &karat::tree::Content,
    ) -> std::io::Result<Box<dyn std::io::Read + Send + '_>> {
        self.0.open(content).or_else(|_| self.1.open(content))
    }
}
