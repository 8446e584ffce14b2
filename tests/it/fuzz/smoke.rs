//! Each target over its seeds, what once broke it, and some thousands of mutations.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::mutate::Chance;
use super::targets::{TARGETS, each_target, found, target};

/// Largest input: what is longer only takes longer.
const LENGTH_MAX: usize = 128 << 10;

fn smoke(name: &str) {
    let target = target(name).expect("a target of the list");
    let (seeds, found) = ((target.seeds)(), found(name));
    assert!(!seeds.is_empty());
    for (number, seed) in seeds.iter().chain(&found).enumerate() {
        run(target.run, seed, &format!("{name}-seed-{number}"));
    }
    let mut chance = Chance::new(number("KARAT_FUZZ_SEED", 0));
    let seeds = [seeds, found].concat();
    for round in 0..number("KARAT_FUZZ_ROUNDS", u64::from(target.rounds)) {
        let bytes = chance.mutated(&seeds);
        if bytes.len() <= LENGTH_MAX {
            run(target.run, &bytes, &format!("{name}-round-{round}"));
        }
    }
}

/// For longer runs, and others: a number of the environment.
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

/// Runs a target; an input that breaks it is kept, to become a file of the kit.
fn run(target: fn(&[u8]), bytes: &[u8], name: &str) {
    if catch_unwind(AssertUnwindSafe(|| target(bytes))).is_err() {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&file, bytes).unwrap();
        panic!("{name}: the input is kept in {}", file.display());
    }
}

macro_rules! tests {
    ($($name:ident,)*) => {
        $(
            #[test]
            fn $name() {
                smoke(stringify!($name));
            }
        )*

        /// All that have a test here.
        const TESTED: &[&str] = &[$(stringify!($name)),*];
    };
}

each_target!(tests);

#[test]
fn no_target_is_forgotten() {
    let listed: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert!(listed.is_sorted());
    let tested: BTreeSet<&str> = TESTED.iter().copied().collect();
    assert_eq!(tested, listed.iter().copied().collect());
    assert_eq!(tested.len(), TARGETS.len());

    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let package: toml::Table = fs::read_to_string(fuzz.join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let programs: BTreeSet<&str> = package["bin"]
        .as_array()
        .unwrap()
        .iter()
        .map(|program| program["name"].as_str().unwrap())
        .collect();
    assert_eq!(programs, tested, "the programs of fuzz/Cargo.toml");
    for name in programs {
        let source = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert_eq!(source.matches(&format!("(\"{name}\"")).count(), 2, "{name}");
    }
}

#[test]
fn every_found_input_belongs_to_a_target() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/fuzz");
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || target(&name).is_some(), "{name}");
    }
}
