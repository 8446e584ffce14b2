//! Configuring packages in a sandbox: what scripts may do, what they may not, and what is left
//! when something goes wrong.

mod refusals;
mod replaces;
pub mod staging;
pub mod stand_in;

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use karat::digest::Digest;
use karat::path::ImagePath;
use karat::progress::{Event, Progress, Silent};
use karat::stage::{Configured, Initrd, Inputs, Package, Reuse, StageError, Staging, configured};
use karat::tree::{Blobs as _, Epoch, Kind};

use crate::support::deb::Deb;
use crate::support::toolbox::toolbox;
use crate::support::{Scratch, judge, root, skip};

const EPOCH: u64 = 1_760_000_000;

/// A store and the packages to configure.
pub struct Bench {
    pub scratch: Scratch,
    pub inputs: Inputs,
}

impl Bench {
    /// The toolbox and these packages; `None` where this machine cannot run the toolbox.
    pub fn new(name: &str, debs: &[Deb]) -> Option<Self> {
        let scratch = Scratch::new(name);
        let packages = std::iter::once(&toolbox()?)
            .chain(debs)
            .map(|deb| write(deb, scratch.path()))
            .collect();
        Some(Self {
            inputs: inputs(packages),
            scratch,
        })
    }

    pub fn configure(&self, reuse: Reuse) -> Result<Configured, StageError> {
        configured(&self.inputs, &self.scratch.join("trees"), reuse, &Silent)
    }

    /// Configures what must go well.
    fn tree(&self) -> Configured {
        self.configure(Reuse::No).unwrap()
    }

    /// The error of what must not go well; nothing may be left in the store.
    fn error(&self) -> StageError {
        let error = self.configure(Reuse::Yes).unwrap_err();
        let left: Vec<String> = names(&self.scratch.join("trees"))
            .into_iter()
            .filter(|name| !is_lock(name))
            .collect();
        assert_eq!(left, Vec::<String>::new());
        error
    }
}

fn inputs(packages: Vec<Package>) -> Inputs {
    let mut inputs = Inputs::new(packages, "amd64", Epoch::new(EPOCH).unwrap());
    inputs.worker = Some(PathBuf::from(env!("CARGO_BIN_EXE_karat")));
    inputs
}

fn write(deb: &Deb, directory: &Path) -> Package {
    let bytes = deb.build();
    let path = directory.join(deb.file_name());
    std::fs::write(&path, &bytes).unwrap();
    Package {
        path,
        name: deb.value("Package").to_owned(),
        version: deb.value("Version").to_owned(),
        architecture: deb.value("Architecture").to_owned(),
        sha256: Digest::of(&bytes),
    }
}

pub fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

fn is_lock(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == "lock")
}

fn path(text: &str) -> ImagePath {
    ImagePath::parse(text).unwrap()
}

fn text(configured: &Configured, name: &str) -> String {
    let content = configured.tree.content(&path(name)).expect(name);
    String::from_utf8(configured.blobs.read(&content).unwrap()).unwrap()
}

/// All that a tree says, one line per path.
fn dump(configured: &Configured) -> String {
    configured
        .tree
        .iter()
        .map(|entry| format!("{} {:?}", entry.path, entry.inode))
        .collect::<Vec<String>>()
        .join("\n")
}

/// Processes of this machine with `word` in their command line.
fn processes_with(word: &str) -> usize {
    names(Path::new("/proc"))
        .iter()
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter_map(|pid| std::fs::read(format!("/proc/{pid}/cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(word))
        .count()
}

#[test]
fn packages_and_scripts_make_the_tree() {
    let deb = Deb::new("made", "1:2-3")
        .file("/usr/share/made/data", 0o640, b"data")
        .file("/etc/made.conf", 0o644, b"setting")
        .hard_link("/usr/share/made/again", "/usr/share/made/data")
        .symlink("/usr/share/made/link", "data")
        .control("conffiles", "/etc/made.conf\n")
        .control(
            "preinst",
            "#!/bin/sh\necho \"$1 $DPKG_MAINTSCRIPT_PACKAGE\" > /etc/preinst\n",
        )
        .control(
            "postinst",
            "#!/bin/sh\necho \"$1\" > /etc/postinst\necho x > /tmp/left\n",
        );
    let Some(bench) = Bench::new("made", &[deb]) else {
        return;
    };
    let made = bench.tree();
    assert_eq!(text(&made, "/etc/preinst"), "install made\n");
    assert_eq!(text(&made, "/etc/postinst"), "configure\n");
    assert_eq!(text(&made, "/etc/made.conf"), "setting");
    for (name, origin, mtime) in [
        ("/usr/share/made/data", "package:made", 1_700_000_000),
        ("/etc/made.conf", "package:made", 1_700_000_000),
        ("/etc/postinst", "script:configure", EPOCH),
        ("/usr/share/made", "package:made", EPOCH),
    ] {
        let inode = made.tree.get(&path(name)).unwrap();
        assert_eq!(inode.origin.to_string(), origin, "{name}");
        assert_eq!(inode.stat.mtime, mtime, "{name}");
    }
    for absent in [
        "/tmp/left",
        "/dev/null",
        "/proc/self",
        "/usr/sbin/policy-rc.d",
        "/etc/resolv.conf",
        "/etc/hostname",
        "/var/lib/dpkg/karat.ci",
        "/etc/made.conf.dpkg-new",
    ] {
        assert!(made.tree.get(&path(absent)).is_none(), "{absent}");
    }
    assert_eq!(made.tree.hard_links().len(), 1);
    let status = text(&made, "/var/lib/dpkg/status");
    assert_eq!(
        status.matches("Status: install ok installed\n").count(),
        2,
        "{status}"
    );
    assert!(status.contains("Conffiles:\n /etc/made.conf "), "{status}");
    assert!(!status.contains("newconffile"), "{status}");
}

#[test]
fn dpkg_itself_finds_nothing_to_complain_about() {
    let Some(dpkg) = judge("dpkg") else { return };
    let deb = Deb::new("judged", "1")
        .file("/etc/judged", 0o644, b"x")
        .control("conffiles", "/etc/judged\n");
    let Some(mut bench) = Bench::new("judged", &[deb]) else {
        return;
    };
    bench.inputs.initrd = Initrd::Karat;
    let made = bench.tree();
    let unpacked = bench.scratch.join("root");
    std::fs::create_dir(&unpacked).unwrap();
    root::write(&made.tree, &made.blobs, &unpacked);
    for arguments in [["--audit"], ["--verify"]] {
        let mut command = dpkg.command();
        command
            .arg(format!("--root={}", unpacked.display()))
            .args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    }
    assert!(text(&made, "/var/lib/dpkg/status").contains("Provides: linux-initramfs-tool"));
}

#[test]
fn a_failing_script_is_named_and_its_output_shown() {
    let deb = Deb::new("broken", "1").control(
        "postinst",
        "#!/bin/sh\necho the reason is this >&2\nexit 7\n",
    );
    let Some(bench) = Bench::new("broken", &[deb]) else {
        return;
    };
    match bench.error() {
        StageError::Script { what, output, .. } => {
            assert_eq!(what, "the postinst script of package 'broken'");
            assert!(output.contains("the reason is this"), "{output}");
        }
        other => panic!("{other:?}"),
    }
    let deb = Deb::new("refusing", "1").control("preinst", "#!/bin/sh\nexit 3\n");
    let Some(bench) = Bench::new("refusing", &[deb]) else {
        return;
    };
    match bench.error() {
        StageError::Script { what, status, .. } => {
            assert_eq!(what, "the preinst script of package 'refusing'");
            assert_eq!(status, "exit status 3");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hanging_script_is_killed_and_named() {
    let deb = Deb::new("hanging", "1").control("postinst", "#!/bin/sh\nsleep 7654321\n");
    let Some(mut bench) = Bench::new("hanging", &[deb]) else {
        return;
    };
    bench.inputs.script_limit = Duration::from_secs(2);
    match bench.error() {
        StageError::TimedOut { what, seconds, .. } => {
            assert_eq!(what, "the postinst script of package 'hanging'");
            assert_eq!(seconds, 2);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(processes_with("7654321"), 0);
}

#[test]
fn a_daemon_left_behind_dies() {
    let script = "#!/bin/sh\nsetsid sleep 8765432 </dev/null >/dev/null 2>&1 &\nexit 0\n";
    let deb = Deb::new("daemon", "1").control("postinst", script);
    let Some(bench) = Bench::new("daemon", &[deb]) else {
        return;
    };
    bench.tree();
    assert_eq!(processes_with("8765432"), 0);
}

#[test]
fn scripts_have_no_network_no_terminal_and_a_fixed_view() {
    let script = "#!/bin/sh\n\
        cat /proc/net/dev > /etc/net\n\
        cat /proc/sys/kernel/hostname > /etc/seen\n\
        export -p > /etc/environment\n\
        umask >> /etc/seen\n\
        ls / >> /etc/seen\n\
        ls /proc/1/fd > /etc/descriptors\n\
        if cat < /dev/tty; then echo terminal >> /etc/seen; fi\n\
        if read line; then echo input >> /etc/seen; fi\n\
        exit 0\n";
    let deb = Deb::new("looking", "1").control("postinst", script);
    let Some(bench) = Bench::new("looking", &[deb]) else {
        return;
    };
    let made = bench.tree();
    let interfaces: Vec<String> = text(&made, "/etc/net")
        .lines()
        .skip(2)
        .filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned()))
        .collect();
    assert_eq!(interfaces, ["lo"]);
    let seen = text(&made, "/etc/seen");
    let expected = "karat\n0022\nbin\ndev\netc\nlib\nlib64\nproc\nrun\nsbin\nsys\ntmp\nusr\nvar\n";
    assert_eq!(seen, expected);
    let environment = text(&made, "/etc/environment");
    assert!(
        environment.contains("SOURCE_DATE_EPOCH='1760000000'"),
        "{environment}"
    );
    for foreign in ["CARGO", "TMPDIR", "USER", "TZ="] {
        assert!(!environment.contains(foreign), "{environment}");
    }
}

/// Elsewhere `sync /dev/null` fails, for a device has nothing to flush.
#[test]
fn flushing_succeeds_and_does_nothing() {
    let deb = Deb::new("flushing", "1").control(
        "postinst",
        "#!/bin/sh\nset -e\nsync /dev/null\nsync -f /etc\nsync\n",
    );
    let Some(bench) = Bench::new("flushing", &[deb]) else {
        return;
    };
    bench.tree();
}

#[test]
fn what_an_instance_makes_for_itself_is_not_made_in_an_image() {
    let make = "#!/bin/sh\nset -e\n\
        for kind in rsa ecdsa ed25519; do\n\
        [ -f /etc/ssh/ssh_host_${kind}_key ] || echo $kind >> /etc/made\n\
        done\n\
        cat /etc/postgresql-common/createcluster.d/*.conf > /etc/cluster\n";
    let deb = Deb::new("servers", "1")
        .file("/usr/sbin/sshd", 0o755, b"")
        .directory("/usr/share/postgresql-common", 0o755)
        .control("postinst", make);
    let Some(bench) = Bench::new("servers", &[deb]) else {
        return;
    };
    let made = bench.tree();
    assert!(made.tree.get(&path("/etc/made")).is_none());
    assert_eq!(text(&made, "/etc/cluster"), "create_main_cluster = false\n");
    for gone in ["/etc/ssh", "/etc/postgresql-common"] {
        assert!(made.tree.get(&path(gone)).is_none(), "{gone}");
    }
}

#[test]
fn the_essential_set_is_configured_before_others_are_unpacked() {
    let deb = Deb::new("later", "1")
        .file("/usr/bin/later", 0o755, b"#!/bin/sh\n")
        .control(
            "preinst",
            "#!/bin/sh\ndpkg-query -W -f '${Status}\\n' toolbox > /etc/state\n\
                  if [ -e /usr/bin/later ]; then exit 9; fi\n",
        );
    let Some(bench) = Bench::new("later", &[deb]) else {
        return;
    };
    assert_eq!(text(&bench.tree(), "/etc/state"), "install ok installed\n");
}

#[test]
fn a_preinst_may_divert_what_another_package_brings() {
    let divert = "#!/bin/sh\ndpkg-divert --package diverting --add --rename \
                  --divert /usr/bin/tool.real /usr/bin/tool\n";
    let debs = [
        Deb::new("diverting", "1")
            .file("/usr/bin/tool", 0o755, b"mine")
            .control("preinst", divert),
        Deb::new("tool", "1").file("/usr/bin/tool", 0o755, b"theirs"),
    ];
    let Some(bench) = Bench::new("divert", &debs) else {
        return;
    };
    let made = bench.tree();
    assert_eq!(text(&made, "/usr/bin/tool"), "mine");
    assert_eq!(text(&made, "/usr/bin/tool.real"), "theirs");
}

#[test]
fn two_packages_with_one_path_need_replaces() {
    let one = Deb::new("one", "1").file("/usr/share/x", 0o644, b"one");
    let two = Deb::new("two", "1").file("/usr/share/x", 0o644, b"two");
    let Some(bench) = Bench::new("conflict", &[one.clone(), two.clone()]) else {
        return;
    };
    assert_eq!(
        bench.error(),
        StageError::Conflict {
            path: "/usr/share/x".to_owned(),
            first: "one".to_owned(),
            second: "two".to_owned(),
        }
    );
    for (one, two, winner) in [
        (one.clone(), two.clone().field("Replaces", "one"), "two"),
        (one.field("Replaces", "two"), two, "one"),
    ] {
        let Some(bench) = Bench::new("replaces", &[one, two]) else {
            return;
        };
        let made = bench.tree();
        assert_eq!(text(&made, "/usr/share/x"), winner);
        for name in ["one", "two"] {
            let list = text(&made, &format!("/var/lib/dpkg/info/{name}.list"));
            assert_eq!(
                list.contains("/usr/share/x"),
                name == winner,
                "{name}: {list}"
            );
        }
    }
}

#[test]
fn triggers_of_configured_packages_run_for_later_ones() {
    let script = "#!/bin/sh\nif [ \"$1\" = triggered ]; then echo \"$2\" > /etc/triggered; fi\n";
    let debs = [
        Deb::new("watching", "1")
            .field("Essential", "yes")
            .control(
                "triggers",
                "interest-noawait /usr/share/watched\ninterest-noawait called\n",
            )
            .control("postinst", script),
        Deb::new("watched", "1").file("/usr/share/watched/deep/x", 0o644, b""),
        Deb::new("calling", "1").control("triggers", "activate-noawait called\n"),
    ];
    let Some(bench) = Bench::new("triggers", &debs) else {
        return;
    };
    let made = bench.tree();
    let triggered = text(&made, "/etc/triggered");
    let mut triggered: Vec<&str> = triggered.split_whitespace().collect();
    triggered.sort_unstable();
    assert_eq!(triggered, ["/usr/share/watched", "called"]);
    let status = text(&made, "/var/lib/dpkg/status");
    assert!(!status.contains("triggers-"), "{status}");
}

#[test]
fn a_symlink_that_climbs_stays_inside() {
    let outside = Scratch::new("outside");
    let target = format!("/../../../../../../../../{}", outside.path().display());
    let debs = [
        Deb::new("climbing", "1").symlink("/usr/share/out", &target),
        Deb::new("following", "1")
            .field("Depends", "climbing")
            .directory("/usr/share/out", 0o755)
            .file("/usr/share/out/evil", 0o644, b"evil"),
    ];
    let Some(bench) = Bench::new("climbing", &debs) else {
        return;
    };
    // Inside the root the link leads nowhere, and a package's directory does not make it.
    assert!(matches!(bench.error(), StageError::Conflict { .. }));
    assert_eq!(names(outside.path()), Vec::<String>::new());

    let link = Deb::new("climbing", "1").symlink("/usr/share/out", "../../../../../../../etc");
    let Some(bench) = Bench::new("inside", &[link, debs[1].clone()]) else {
        return;
    };
    assert_eq!(text(&bench.tree(), "/etc/evil"), "evil");
    assert!(!Path::new("/etc/evil").exists());
}

#[test]
fn a_mount_point_that_is_a_link_is_refused() {
    let deb = Deb::new("link", "1")
        .field("Essential", "yes")
        .symlink("/dev", "/etc");
    let scratch = Scratch::new("mountpoint");
    let made = configured(
        &inputs(vec![write(&deb, scratch.path())]),
        &scratch.join("trees"),
        Reuse::No,
        &Silent,
    );
    assert!(
        matches!(made, Err(StageError::Sandbox(_) | StageError::System(_))),
        "{made:?}"
    );
}

#[test]
fn a_package_that_is_not_the_locked_one_is_refused() {
    let Some(mut bench) = Bench::new("locked", &[Deb::new("other", "1")]) else {
        return;
    };
    bench.inputs.packages[1].sha256 = Digest::of(b"another file");
    assert!(matches!(bench.error(), StageError::Deb { package, .. } if package == "other"));
    let Some(mut bench) = Bench::new("locked", &[Deb::new("other", "1")]) else {
        return;
    };
    bench.inputs.packages[1].version = "2".to_owned();
    assert!(matches!(bench.error(), StageError::Deb { package, .. } if package == "other"));
    bench.inputs.packages[1] = bench.inputs.packages[0].clone();
    assert!(matches!(bench.error(), StageError::Packages(_)));
}

#[test]
fn a_second_build_takes_what_the_first_kept() {
    let deb = Deb::new("kept", "1").file("/usr/share/kept", 0o644, b"kept");
    let Some(bench) = Bench::new("kept", &[deb]) else {
        return;
    };
    let first = bench.configure(Reuse::Yes).unwrap();
    let second = bench.configure(Reuse::Yes).unwrap();
    assert_eq!((first.reused, second.reused), (false, true));
    assert_eq!(dump(&first), dump(&second));
    assert_eq!(text(&second, "/usr/share/kept"), "kept");
    // A damaged entry is as good as none.
    let entry = bench.scratch.join("trees").join(first.key.to_string());
    std::fs::write(entry.join("tree"), b"damaged").unwrap();
    drop((first, second));
    let third = bench.configure(Reuse::Yes).unwrap();
    assert!(!third.reused);
    assert_eq!(text(&third, "/usr/share/kept"), "kept");
}

#[test]
fn two_builds_at_once_share_one_tree() {
    let Some(bench) = Bench::new("twice", &[Deb::new("twice", "1")]) else {
        return;
    };
    let (a, b) = std::thread::scope(|scope| {
        let other = scope.spawn(|| bench.configure(Reuse::Yes).unwrap());
        (bench.configure(Reuse::Yes).unwrap(), other.join().unwrap())
    });
    assert_eq!(dump(&a), dump(&b));
    assert_eq!(u8::from(a.reused) + u8::from(b.reused), 1);
}

#[test]
fn a_root_staged_on_disk_gives_the_same_tree_and_is_removed() {
    let deb = Deb::new("disk", "1").file("/usr/share/disk", 0o4755, b"disk");
    let Some(mut bench) = Bench::new("disk", &[deb]) else {
        return;
    };
    let in_memory = bench.tree();
    let directory = bench.scratch.join("disk");
    std::fs::create_dir(&directory).unwrap();
    bench.inputs.staging = Staging::Directory(directory.clone());
    assert_eq!(dump(&bench.tree()), dump(&in_memory));
    assert_eq!(names(&directory), Vec::<String>::new());
}

/// Says which package is being configured.
struct Loud;
impl Progress for Loud {
    #[expect(clippy::print_stdout, reason = "its parent reads it")]
    fn event(&self, event: Event) {
        if let Event::Advanced {
            step: "configure",
            item: Some(item),
            ..
        } = event
        {
            println!("configuring {item}");
        }
    }
}

/// Not a test: what other tests run as a process of its own. Its inputs are in a directory.
#[test]
#[ignore = "run by other tests as a process of its own"]
fn as_a_process() {
    let Some(directory) = std::env::var_os("KARAT_TEST_STAGE").map(PathBuf::from) else {
        return;
    };
    let inputs = std::fs::read_to_string(directory.join("inputs.json")).unwrap();
    let inputs: Inputs = serde_json::from_str(&inputs).unwrap();
    let made = configured(&inputs, &directory.join("trees"), Reuse::Yes, &Loud).unwrap();
    std::fs::write(directory.join("dump"), dump(&made)).unwrap();
}

fn own_process(directory: &Path, inputs: &Inputs) -> Command {
    std::fs::create_dir_all(directory).unwrap();
    let json = serde_json::to_string(inputs).unwrap();
    std::fs::write(directory.join("inputs.json"), json).unwrap();
    let program = std::env::current_exe().unwrap();
    let mut command = Command::new(program);
    command
        .args([
            "--exact",
            "sandbox::as_a_process",
            "--ignored",
            "--nocapture",
        ])
        .env("KARAT_TEST_STAGE", directory);
    command
}

#[test]
fn kill_9_leaves_no_process_no_mount_and_no_tree() {
    let deb = Deb::new("endless", "1").control("postinst", "#!/bin/sh\nsleep 9876543\n");
    let Some(mut bench) = Bench::new("killed", &[deb]) else {
        return;
    };
    let staging = bench.scratch.join("stage");
    std::fs::create_dir(&staging).unwrap();
    bench.inputs.staging = Staging::Directory(staging.clone());
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let directory = bench.scratch.path().to_owned();
    let mut child = own_process(&directory, &bench.inputs)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("configuring endless")));
    child.kill().unwrap();
    child.wait().unwrap();
    // The worker holds the other end of this pipe until it has died.
    let mut rest = Vec::new();
    child.stderr.take().unwrap().read_to_end(&mut rest).unwrap();
    // Below it the kernel passes the signal on, one process at a time.
    for _ in 0..1000 {
        if processes_with("9876543") == 0 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(processes_with("9876543"), 0);
    assert_eq!(
        std::fs::read_to_string("/proc/self/mounts").unwrap(),
        mounts
    );
    let whole = |name: &String| !name.starts_with('.') && !is_lock(name);
    assert!(!names(&bench.scratch.join("trees")).iter().any(whole));

    // The next build in these places cleans them, whatever its packages.
    let key = bench.inputs.key();
    bench.inputs.script_limit = Duration::from_secs(1);
    assert!(matches!(bench.error(), StageError::TimedOut { .. }));
    assert_eq!(bench.inputs.key(), key);
    assert_eq!(names(&staging), Vec::<String>::new());
}

#[test]
fn an_ordinary_user_gets_the_same_tree_whatever_their_surroundings() {
    const USER: &str = "karat-test";
    if !root::is_root() {
        return skip("needs root to become an ordinary user");
    }
    for program in ["useradd", "setpriv", "newuidmap"] {
        if judge(program).is_none() {
            return;
        }
    }
    let subuid = || std::fs::read_to_string("/etc/subuid").unwrap_or_default();
    if !subuid().contains(USER) {
        drop(
            Command::new("useradd")
                .args(["--create-home", USER])
                .status(),
        );
    }
    if !subuid().contains(USER) {
        return skip("useradd gives no subordinate ids here");
    }
    let deb = Deb::new("owned", "1")
        .file("/usr/bin/set-id", 0o6755, b"x")
        .control(
            "postinst",
            "#!/bin/sh\necho x > /etc/made\nchmod 4750 /etc/made\nmkdir /etc/dir\n",
        );
    let Some(bench) = Bench::new("user", &[deb]) else {
        return;
    };
    let by_root = dump(&bench.tree());

    // A place that the user can reach and write, with copies of the programs.
    let place = Path::new("/tmp").join(format!("karat-user-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let mut inputs = bench.inputs.clone();
    for package in &mut inputs.packages {
        let copy = place.join(package.path.file_name().unwrap());
        std::fs::copy(&package.path, &copy).unwrap();
        package.path = copy;
    }
    let worker = place.join("karat");
    std::fs::copy(env!("CARGO_BIN_EXE_karat"), &worker).unwrap();
    let tests = place.join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &tests).unwrap();
    inputs.worker = Some(worker);
    let as_root = own_process(&place, &inputs);
    assert!(
        Command::new("chown")
            .args(["-R", USER])
            .arg(&place)
            .status()
            .unwrap()
            .success()
    );
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            USER,
            "--regid",
            USER,
            "--init-groups",
            "sh",
            "-c",
        ])
        .arg("umask 077; exec \"$@\"")
        .arg("sh")
        .arg(&tests)
        .args(as_root.get_args())
        .env("KARAT_TEST_STAGE", &place)
        .env("TZ", "Asia/Tokyo")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("KARAT_JOBS", "1")
        .env("TMPDIR", &place)
        .current_dir("/")
        .output()
        .unwrap();
    let by_user = std::fs::read_to_string(place.join("dump")).unwrap_or_default();
    let owner = std::fs::metadata(place.join("trees")).map(|stat| stat.uid());
    std::fs::remove_dir_all(&place).unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_ne!(owner.unwrap(), 0);
    assert_eq!(by_user, by_root);
    assert!(by_root.contains("/etc/made"));
}

#[test]
fn devices_and_kinds_are_kept() {
    let script = "#!/bin/sh\nln -s nowhere /etc/dangling\n";
    let mut fifo = crate::support::deb::header(tar::EntryType::Fifo, 0o600, 0);
    fifo.set_path("./var/pipe").unwrap();
    let deb = Deb::new("kinds", "1")
        .raw(fifo, b"")
        .control("postinst", script);
    let Some(bench) = Bench::new("kinds", &[deb]) else {
        return;
    };
    let made = bench.tree();
    assert_eq!(made.tree.get(&path("/var/pipe")).unwrap().kind, Kind::Fifo);
    let link = &made.tree.get(&path("/etc/dangling")).unwrap().kind;
    assert_eq!(*link, Kind::Symlink(b"nowhere".to_vec()));
}
