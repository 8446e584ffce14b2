//! No room where outputs go.

use rustix::mount::MountFlags;

use super::workshop::Workshop;
use crate::sandbox::names;
use crate::sandbox::staging::Small;

#[test]
fn outputs_that_do_not_fit_are_an_error_and_leave_nothing_half() {
    let Some(shop) = Workshop::locked("build-room") else {
        return;
    };
    let Some(small) = Small::new(shop.path("small"), MountFlags::empty(), c"size=8m") else {
        return;
    };
    for (format, output) in [("tar", "small_1.tar"), ("oci", "small_1.oci")] {
        let (code, text) = shop.run([
            "build",
            "workspace/templates/small.toml",
            "-o",
            "small/out",
            "--format",
            format,
            "--compression",
            "none",
        ]);
        assert_eq!(code, 1, "{text}");
        for word in ["No space left on device", output, "free some room"] {
            assert!(text.contains(word), "no {word} in {text}");
        }
        // Smaller files that fit are whole; nothing is half, and nothing says that this was built.
        let whole = ["small_1.expect.json", "small_1.mtree"];
        for name in names(&small.path().join("out")) {
            assert!(whole.contains(&name.as_str()), "{name} was left behind");
        }
    }
}

#[test]
fn a_place_that_is_read_only_is_told() {
    let Some(shop) = Workshop::locked("build-readonly") else {
        return;
    };
    let Some(_small) = Small::new(shop.path("small"), MountFlags::RDONLY, c"size=1m") else {
        return;
    };
    let template = "workspace/templates/small.toml";
    let (code, text) = shop.run(["build", template, "-o", "small/out", "--format", "tar"]);
    assert_eq!(code, 1, "{text}");
    for word in ["small/out", "Read-only file system", "write elsewhere"] {
        assert!(text.contains(word), "no {word} in {text}");
    }
}
