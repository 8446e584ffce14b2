//! Places where an initrd lets a machine write: overlays are looked through, and nothing hides in them.

use std::fs;

use karat::expect::Expectations;
use karat::tree::Kind;

use crate::support::root::{Sample, chmod, image, is_root};
use crate::support::signed::Release;
use crate::support::{judge, skip};

const OPTIONS: &str = "nosuid,nodev";

#[test]
fn an_overlay_shows_what_is_compared() {
    let Some(unshare) = judge("unshare") else {
        return;
    };
    if !is_root() {
        return skip("only root mounts over files of an image that is root's");
    }
    let mut sample = Sample::new();
    sample.add("/srv", 0o755, Kind::Directory, "package:base-files");
    let places = ["/etc", "/srv", "/var"].map(image).to_vec();
    let expectations = Expectations::default().with_places(places).unwrap();
    let release = Release::of("places", sample, expectations);
    let root = release.unpack();
    let at = |path: &str| release.scratch.join(path);
    for place in ["etc", "var"] {
        for directory in ["up", "work"] {
            let directory = at(&format!("{directory}-{place}"));
            fs::create_dir(&directory).unwrap();
            chmod(&directory, 0o755);
        }
    }
    fs::copy(root.join("etc/motd"), at("clean")).unwrap();
    let verify = |options: &str, more: &str| {
        let over = |place: &str| {
            format!(
                "mount -t overlay -o {options},lowerdir=root/{place},upperdir=up-{place},workdir=work-{place} \
                 none root/{place}"
            )
        };
        let script = format!(
            "set -e; {}; {}; mount -t tmpfs -o {options},mode=755 none root/srv; {more}
             exec \"$AGENT\" verify --root root --baseline out/demo_1.dsse.json --trust trust.json",
            over("etc"),
            over("var")
        );
        let output = unshare
            .command()
            .args(["--mount", "sh", "-c", &script])
            .env("AGENT", env!("CARGO_BIN_EXE_karat-agent"))
            .current_dir(release.scratch.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        // What was written is of this try alone.
        for place in ["etc", "var"] {
            let up = at(&format!("up-{place}"));
            fs::remove_dir_all(&up).unwrap();
            fs::create_dir(&up).unwrap();
            chmod(&up, 0o755);
        }
        (output.status.code(), format!("{text}{error}"))
    };

    let (code, text) = verify(OPTIONS, ":;");
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = verify(OPTIONS, "echo anything > root/srv/new;");
    assert_eq!(code, Some(0), "{text}");
    for (more, line) in [
        ("echo changed > root/etc/motd;", "/etc/motd\n"),
        ("rm root/etc/motd;", "/etc/motd\n"),
        ("echo new > root/etc/new;", "/etc/new\n"),
        ("chmod 4755 root/var/lib/app/db;", "/var/lib/app/db\n"),
        // Over a file that an overlay shows, over a directory in it, over the overlay itself.
        ("mount --bind clean root/etc/motd;", " mount: "),
        (
            "mount -t tmpfs none root/var/lib;",
            " mount: tmpfs from none",
        ),
        ("mount -t tmpfs -o nosuid,nodev none root/etc;", " mount: "),
        ("mount -t tmpfs none root/srv;", " mount: tmpfs from none"),
        // Where nobody lets the machine write.
        (
            "mount -t tmpfs -o nosuid,nodev none root/usr;",
            " mount: tmpfs from none",
        ),
    ] {
        let (code, text) = verify(OPTIONS, more);
        assert_eq!(code, Some(10), "{more}: {text}");
        assert!(text.contains(line), "{more}: {text}");
    }
    // Set-id bits in what anybody wrote would count.
    let (code, text) = verify("nodev", ":;");
    assert_eq!(code, Some(10), "{text}");
    assert!(text.contains(" mount: overlay from none"), "{text}");
}

#[test]
fn places_are_written_in_one_way() {
    let places = ["/var", "/etc"].map(image).to_vec();
    let expectations = Expectations::default().with_places(places).unwrap();
    let text = "{\"mutable\":[],\"places\":[\"/etc\",\"/var\"],\"version\":1}\n";
    assert_eq!(expectations.to_bytes(), text.as_bytes());
    assert_eq!(Expectations::parse(text.as_bytes()), Ok(expectations));
    for other in [
        text.replace("\"/etc\",\"/var\"", "\"/var\",\"/etc\""),
        text.replace("\"/etc\",\"/var\"", ""),
        text.replace("\"/var\"", "\"/etc\""),
        text.replace("\"/var\"", "\"/var/\""),
        text.replace("\"/var\"", "\"var\""),
    ] {
        assert!(Expectations::parse(other.as_bytes()).is_err(), "{other}");
    }
}
