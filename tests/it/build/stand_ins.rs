//! What karat does in the place of packages' programs, over real packages of both releases.

use std::fs;
use std::path::{Path, PathBuf};

use karat::sys::sandbox::Answer;

use super::workshop::{Workshop, unpack};
use crate::sandbox::stand_in::{ask, facts, helper, own};
use crate::support::judge;

/// The trees are equal, and so is what both programs make of each unit file in them.
#[test]
fn a_tree_is_the_same_with_and_without_them() {
    let Some(shop) = Workshop::new("stand-ins") else {
        return;
    };
    for (template, least) in [("web-frontend", 230), ("base-bookworm", 200)] {
        let file = format!("workspace/templates/{template}.toml");
        let build = |out: &str, more: &[&str]| {
            let args = ["build", &file, "-o", out, "--no-sign", "--format", "tar"];
            shop.succeed(args.iter().chain(&["--compression", "none"]).chain(more));
            shop.read(format!("{out}/{template}_1.mtree"))
        };
        let with = format!("{template}-with");
        let without = format!("{template}-without");
        let trees = [
            build(&with, &[]),
            build(&without, &["--no-cache", "--no-stand-ins"]),
        ];
        assert!(trees[0] == trees[1], "{template}");

        if judge("deb-systemd-helper").is_none() {
            return;
        }
        let root = shop.path(format!("{template}-root"));
        unpack(&shop.path(format!("{with}/{template}_1.tar")), &root);
        for instance in ["system", "user"] {
            let answered = compare(&root, instance);
            assert!(
                instance == "user" || answered >= least,
                "{template}: {answered}"
            );
        }
    }
}

/// Lets both enable each unit of an image; gives the number of those that karat answered for.
fn compare(image: &Path, instance: &str) -> usize {
    let units = image.join("usr/lib/systemd").join(instance);
    let ours = image.with_extension(format!("{instance}-ours"));
    let theirs = image.with_extension(format!("{instance}-theirs"));
    let mut names = Vec::new();
    for root in [&ours, &theirs] {
        names = copy(&units, &root.join("usr/lib/systemd").join(instance));
    }
    let option = format!("--{instance}");
    let mut answered: Vec<&str> = Vec::new();
    for action in ["enable", "update-state"] {
        answered = names
            .iter()
            .map(String::as_str)
            .filter(|name| match ask(&ours, false, &[&option, action, name]) {
                Answer::Exit(status) => status == 0,
                Answer::Own => false,
                Answer::First(todo) => panic!("{todo}"),
            })
            .collect();
        let words = [&[option.as_str(), action], answered.as_slice()].concat();
        let (status, asked) = own(Path::new(helper().program), &theirs, &words);
        assert_eq!((status, asked.as_str()), (0, ""), "{action}");
        assert_eq!(facts(&ours), facts(&theirs), "{action}");
    }
    answered.len()
}

/// Copies unit files, and links to their neighbours; gives their names in order.
fn copy(from: &Path, to: &Path) -> Vec<String> {
    fs::create_dir_all(to).unwrap();
    let mut paths: Vec<PathBuf> = fs::read_dir(from)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut names = Vec::new();
    for path in paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        if let Ok(target) = fs::read_link(&path) {
            if target.components().count() == 1 {
                std::os::unix::fs::symlink(target, to.join(name)).unwrap();
            }
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).unwrap();
        } else {
            continue;
        }
        names.push(name.to_owned());
    }
    names
}
