//! The stage worker: all of staging, inside its own namespaces, from one request line to one
//! answer line.

use std::collections::BTreeSet;
use std::fs::File;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::capture::{Owners, capture};
use super::configure::Configurer;
use super::dpkgdb::Database;
use super::error::StageError;
use super::extract::Deb;
use super::inputs::{Initrd, Inputs};
use super::place::Placer;
use super::staging::Stage;
use super::stand_in;
use super::store::{self, PackWriter};
use super::unpack::{Packages, Unpacker};
use crate::deb::archive::Control;
use crate::path::ImagePath;
use crate::sys::clock::Stopwatch;
use crate::sys::fs::{self, IoContext as _};
use crate::sys::root::Root;
use crate::sys::sandbox::{self, Channel};

/// What the worker is asked to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) inputs: Inputs,
    /// Where the entry of the store is being made.
    pub(super) entry: PathBuf,
}

/// What the worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Message {
    Started(Phase, u64),
    Advanced(Phase, u64, String),
    Finished(Phase, String, f64),
    Failed(StageError),
    Done,
}

/// A step that users see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Phase {
    Unpack,
    Configure,
    Capture,
}

/// `linux-initramfs-tool` by karat itself, as the image's dpkg sees it.
const KARAT_INITRD: &str = "\
Package: karat-initramfs
Version: 1
Architecture: all
Maintainer: karat
Section: kernel
Priority: optional
Provides: linux-initramfs-tool
Description: initrd made by karat
 The image's initrd is written by karat when the image is built.
 This package has no files; it keeps others from making a second one.
";

/// Runs as one of the sandbox' processes if the first argument says so.
///
/// To be called before anything else in `main`: a worker must not have a second thread yet.
pub fn run_as_worker() -> Option<ExitCode> {
    match std::env::args_os().nth(1)?.to_str()? {
        sandbox::WORKER => Some(worker()),
        sandbox::RUNNER => Some(sandbox::runner()),
        sandbox::INIT => Some(sandbox::init(stand_in::ALL)),
        _ => None,
    }
}

fn worker() -> ExitCode {
    let Ok((channel, request)) = sandbox::enter() else {
        return ExitCode::FAILURE;
    };
    let say = Say(channel);
    let result = serde_json::from_str::<Request>(&request)
        .map_err(|error| StageError::System(format!("the request is damaged: {error}")))
        .and_then(|request| stage(&request.inputs, &request.entry, &say));
    say.message(&match result {
        Ok(()) => Message::Done,
        Err(error) => Message::Failed(error),
    });
    ExitCode::SUCCESS
}

struct Say(Channel);

impl Say {
    fn message(&self, message: &Message) {
        if let Ok(line) = serde_json::to_string(message) {
            self.0.send(&line);
        }
    }

    fn finished(&self, phase: Phase, summary: String, since: Stopwatch) {
        self.message(&Message::Finished(phase, summary, since.seconds()));
    }
}

/// Makes the tree and writes it into `entry`.
fn stage(inputs: &Inputs, entry: &Path, say: &Say) -> Result<(), StageError> {
    let threads = crate::sys::cpu::count();
    // Only a second call could fail, and there is none.
    drop(
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build_global(),
    );
    crate::sys::process::raise_file_limit();

    let clock = Stopwatch::start();
    let packages = Packages::open(inputs)?;
    let order = packages.order();
    let stage = Stage::create(&inputs.staging, packages.installed_size())?;
    let root = Root::open(&stage.root())?;
    let names = packages.names();
    let total = u64::try_from(names.len()).unwrap_or(u64::MAX);
    let unpacker = Unpacker::new(stage.unpack(), |done, name| {
        say.message(&Message::Advanced(Phase::Unpack, done, name.to_owned()));
    });
    say.message(&Message::Started(Phase::Unpack, packages.work()));

    let mut begun = BTreeSet::new();
    let mut progress = |package: &str| {
        if begun.insert(package.to_owned()) {
            let done = u64::try_from(begun.len()).unwrap_or(total).min(total);
            say.message(&Message::Advanced(
                Phase::Configure,
                done,
                package.to_owned(),
            ));
        }
    };
    let mut configurer = Configurer::new(&root, &stage.root(), inputs, &mut progress);
    let mut database = Database::create(&root, &inputs.architecture)?;
    let mut placer = Placer::new(&root, &packages.debs, &inputs.architecture);

    // Essential packages first: no script runs without them, so even their preinst comes after.
    make_usr_links(&root, &packages.debs, &inputs.architecture)?;
    let placed = std::thread::scope(|scope| {
        let mut ahead = unpacker.ahead(scope, &packages, &order.base, threads, || ())?;
        unpacker.place(&packages, &order.base, &mut ahead, &mut placer)
    })?;
    database.unpacked(&placed, &packages.debs)?;
    if inputs.initrd == Initrd::Karat {
        database.installed(&karat_initrd()?)?;
    }
    configurer.guard()?;
    say.message(&Message::Started(Phase::Configure, total));
    let configuring = Stopwatch::start();
    for deb in packages.of(&order.base) {
        database.prepare_preinst(deb)?;
        configurer.preinst(deb);
    }
    if !order.base.is_empty() {
        configurer.configure(&names_of(&order.base, &names));
    }
    // Then those that another's preinst depends on, then all that is left; each preinst before its
    // package is placed, since it may divert what the package brings. They are decompressed
    // meanwhile, out of the scripts' sight, on all processors but one.
    let rounds = [order.first.clone(), order.last()];
    let others = rounds.concat();
    let spare = NonZero::new(threads.get().saturating_sub(1)).unwrap_or(NonZero::<usize>::MIN);
    std::thread::scope(|scope| {
        let unpacked = || say.finished(Phase::Unpack, format!("{total} packages"), clock);
        let mut ahead = unpacker.ahead(scope, &packages, &others, spare, unpacked)?;
        for (number, round) in rounds.iter().enumerate() {
            for deb in packages.of(round) {
                database.prepare_preinst(deb)?;
                configurer.preinst(deb);
            }
            configurer.run()?;
            placer.reload()?;
            let placed = unpacker.place(&packages, round, &mut ahead, &mut placer)?;
            database.unpacked(&placed, &packages.debs)?;
            configurer.guard_instances()?;
            // The last round is all that is pending, in the order that dpkg itself finds.
            if number + 1 < rounds.len() && !round.is_empty() {
                configurer.configure(&names_of(round, &names));
            }
        }
        Ok::<_, StageError>(())
    })?;
    configurer.configure(&[]);
    configurer.run()?;
    configurer.unguard()?;
    let unfinished = database.unfinished()?;
    if !unfinished.is_empty() {
        return Err(StageError::NotConfigured(unfinished.join(", ")));
    }
    say.finished(Phase::Configure, format!("{total} packages"), configuring);

    let clock = Stopwatch::start();
    say.message(&Message::Started(Phase::Capture, 0));
    let spots = placer.into_owners();
    let paths = keep(&root, inputs, &Owners { spots, names }, entry)?;
    say.finished(Phase::Capture, format!("{paths} paths"), clock);
    Ok(())
}

/// Captures the root into the files of a store's entry; gives the number of its paths.
fn keep(root: &Root, inputs: &Inputs, owners: &Owners, entry: &Path) -> Result<usize, StageError> {
    let path = store::pack_file(entry);
    let pack = PackWriter::new(File::create(&path).at("create", &path)?);
    let tree = capture(root, inputs.epoch, owners, &pack)?;
    let bytes = store::encode(&tree, &pack.finish());
    fs::write_atomic(store::tree_file(entry), &bytes, 0o644)?;
    Ok(tree.len())
}

fn karat_initrd() -> Result<Control, StageError> {
    Control::parse(KARAT_INITRD).map_err(|error| StageError::Deb {
        package: "karat-initramfs".to_owned(),
        error,
    })
}

fn names_of<'a>(round: &[usize], names: &'a [String]) -> Vec<&'a str> {
    round
        .iter()
        .filter_map(|at| names.get(*at))
        .map(String::as_str)
        .collect()
}

/// The directories of a merged `/usr` that are links in `/`, where a release expects them to be
/// there before its first package is unpacked (Debian 12; from 13 on base-files brings them).
fn make_usr_links(root: &Root, debs: &[Deb], architecture: &str) -> Result<(), StageError> {
    let wanted = |deb: &Deb| ["usr-is-merged", "usrmerge"].contains(&deb.name.as_str());
    if !debs.iter().any(wanted) {
        return Ok(());
    }
    // As debootstrap has it: the directories of foreign word sizes by architecture.
    let further: &[&str] = match architecture {
        "amd64" => &["lib32", "lib64", "libx32"],
        "i386" => &["lib64", "libx32"],
        "loong64" | "mips64el" | "ppc64el" => &["lib64"],
        "s390x" => &["lib32"],
        _ => &[],
    };
    let path = |text: String| {
        ImagePath::parse(text).map_err(|error| StageError::System(error.to_string()))
    };
    root.make_directory(&path("/usr".to_owned())?, 0o755)?;
    for name in ["bin", "sbin", "lib"].iter().chain(further) {
        root.make_directory(&path(format!("/usr/{name}"))?, 0o755)?;
        root.make_link(&path(format!("/{name}"))?, &format!("usr/{name}"))?;
    }
    Ok(())
}
