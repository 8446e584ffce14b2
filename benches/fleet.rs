//! How long the rules of a large fleet take: templates that extend a common base, read, merged and
//! checked, as `karat segment check` does it.
//!
//! `cargo bench --bench fleet` prints a line for each size: the best of several rounds.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a benchmark reads and prints"
)]

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use karat::ops::segment::load;

/// The best of so many.
const ROUNDS: usize = 5;

fn main() -> io::Result<()> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for size in [50, 500, 2000] {
        let directory = std::env::temp_dir().join(format!("karat-fleet-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        let written = write(&directory, &shipped, size);
        let measured = written.and_then(|()| best(&directory));
        fs::remove_dir_all(&directory)?;
        let (took, flows) = measured?;
        println!(
            "{size} templates: {:.3} s, {flows} flows",
            took.as_secs_f64()
        );
    }
    Ok(())
}

/// Services in rows of ten: each calls the next, the last keeps data.
fn write(directory: &Path, shipped: &Path, size: usize) -> io::Result<()> {
    fs::create_dir_all(directory.join("files/base"))?;
    fs::copy(shipped.join("base.toml"), directory.join("base.toml"))?;
    for file in fs::read_dir(shipped.join("files/base"))? {
        let file = file?;
        fs::copy(
            file.path(),
            directory.join("files/base").join(file.file_name()),
        )?;
    }
    let mut bastion = String::from(
        "extends = \"base\"\n[image]\nname = \"bastion\"\n[segment]\ncategory = \"management\"\n\
         segment = \"bastion\"\nlifecycle = \"current\"\nadmin_from = []\n",
    );
    for index in 0..size.saturating_sub(1) {
        let place = index % 10;
        let category = match place {
            0 => "frontend",
            9 => "data",
            _ => "internal",
        };
        let audience = match place {
            0 => "\"public\"".to_owned(),
            _ => format!("[\"s{}\"]", index.saturating_sub(1)),
        };
        let next = index.saturating_add(1);
        let mut text = format!(
            "extends = \"base\"\n[image]\nname = \"s{index}\"\n[segment]\ncategory = \"{category}\"\n\
             segment = \"s{index}\"\nlifecycle = \"current\"\nadmin_from = [\"bastion\"]\n\
             exposure = {{ \"s.service\" = 3.0 }}\n[[segment.provides]]\nname = \"http\"\nport = 8000\n\
             audience = {audience}\nunit = \"s.service\"\n"
        );
        if place < 9 && next < size.saturating_sub(1) {
            let call = format!(
                "[[segment.consumes]]\nservice = \"http\"\nsegment = \"s{next}\"\nport = 8000\n"
            );
            text.push_str(&call);
        }
        text.push_str("[verify.facts]\nlisten = [\"tcp *:8000\"]\n");
        fs::write(directory.join(format!("s{index}.toml")), text)?;
        let ssh =
            format!("[[segment.consumes]]\nservice = \"ssh\"\nsegment = \"s{index}\"\nport = 22\n");
        bastion.push_str(&ssh);
    }
    fs::write(directory.join("bastion.toml"), bastion)
}

fn best(directory: &Path) -> io::Result<(Duration, usize)> {
    let paths = [directory.to_owned()];
    let mut best = Duration::MAX;
    let mut flows = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let loaded = load(&paths, None).map_err(io::Error::other)?;
        let found = loaded.check("2027-01-01");
        best = best.min(start.elapsed());
        flows = loaded.fleet.graph.links.len();
        if let Some(fault) = found.first() {
            return Err(io::Error::other(format!("{} faults: {fault}", found.len())));
        }
    }
    Ok((best, flows))
}
