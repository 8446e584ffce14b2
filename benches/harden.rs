//! All shipped rules applied to a real tree, and checked on it.
//!
//! `cargo bench --bench harden -- IMAGE.tar` reads an image without rules from a plain tar archive and
//! prints its paths, the rules and how many of them apply to it, and the best of several rounds: seconds
//! for applying with checking, and for checking alone. Below one second each is what a build can bear. An
//! image with a kernel has most to do.

#![expect(clippy::print_stdout, reason = "a benchmark prints")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use karat::harden::{Catalogue, Outcome, Profile, Root, Selection, TreeView, apply, check};
use karat::image::tar;
use karat::sys::fs;
use karat::tree::{Epoch, Layered, MemoryBlobs, Origin};

/// The best of so many counts.
const ROUNDS: usize = 5;

/// Largest file whose content is held: rules read no larger one but dpkg's database.
const HELD_MAX: u64 = 16 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let Some(path) = arguments.next() else {
        println!("usage: cargo bench --bench harden -- IMAGE.tar");
        return Ok(());
    };
    let origin = Origin::Package("image".to_owned());
    let file = fs::open(&path)?;
    let mut keep = |_: &karat::path::ImagePath, size: u64| size <= HELD_MAX;
    let (tree, blobs) = tar::read(file, Epoch::saturating(0), &origin, &mut keep)?;
    let selection = Selection {
        catalogue: Catalogue::shipped()?,
        profile: Profile::Strict,
        except: BTreeMap::new(),
        stated: None,
        ceilings: BTreeMap::new(),
    };
    let (mut applying, mut checking) = (Duration::MAX, Duration::MAX);
    let (mut rules, mut applied) = (0, 0);
    for _ in 0..ROUNDS {
        let copy = tree.clone();
        let mut new = MemoryBlobs::new();
        let start = Instant::now();
        let hardened = apply(copy, &selection, &mut new, &blobs)?;
        applying = applying.min(start.elapsed());
        rules = hardened.results.results.len();
        applied = rules.saturating_sub(hardened.results.count(Outcome::NotApplicable));
        let both = Layered(&new, &blobs);
        let view = TreeView::new(&hardened.tree, &both);
        let start = Instant::now();
        drop(check(&Root::new(&view, None), &selection)?);
        checking = checking.min(start.elapsed());
    }
    println!(
        "{} paths, {rules} rules, {applied} of them about it: applied and checked in {:.3} s, checked in {:.3} s",
        tree.len(),
        applying.as_secs_f64(),
        checking.as_secs_f64()
    );
    Ok(())
}
