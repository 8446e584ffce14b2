//! Envelope and receipt on a finished disk, and in the containers that lie beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use karat::image::disk::Container;
use karat::image::gpt;
use karat::layout::Source;
use karat::layout::fat::Volume;
use karat::layout::gpt::{Disk, Kind};
use karat::ops::disk::{ATTACHED_SUMS, Packed, deliver, info};
use karat::progress::Silent;
use karat::sys::fs::FileSource;
use karat::tree::Epoch;

use super::fixture::{self, agrees};
use crate::support::{Scratch, judge};

const EPOCH: u64 = 1_760_000_000;

/// A disk, alone or with containers beside it, in a directory of its own.
struct Place {
    scratch: Scratch,
}

impl Place {
    fn new(name: &str, containers: &[Container]) -> Self {
        let place = Self {
            scratch: Scratch::new(name),
        };
        let files = BTreeMap::from([("EFI/Linux/web_1.0.efi".to_owned(), b"uki".to_vec())]);
        let esp = fixture::esp(&files);
        let disk = gpt::fill(&fixture::plan(), [(1, &esp as &dyn Source)]).unwrap();
        let mut bytes = Vec::new();
        disk.write(&mut bytes).unwrap();
        fs::write(place.path(".raw"), &bytes).unwrap();
        for container in containers {
            place.pack(&bytes, *container).commit().unwrap();
        }
        place
    }

    fn pack(&self, disk: &dyn Source, container: Container) -> Packed {
        let path = self.path(container.suffix());
        Packed::write(disk, container, path, epoch(), &Silent).unwrap()
    }

    fn path(&self, suffix: &str) -> PathBuf {
        self.scratch.join(format!("web_1.0{suffix}"))
    }

    fn deliver(&self, envelope: &[u8]) -> Vec<PathBuf> {
        let files = BTreeMap::from([("web_1.0.dsse.json".to_owned(), envelope.to_vec())]);
        deliver(&self.path(".raw"), epoch(), files, &Silent).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(self.scratch.join("")).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn epoch() -> Epoch {
    Epoch::new(EPOCH).unwrap()
}

#[test]
fn a_disk_has_what_was_delivered_and_is_as_if_built_with_it() {
    let place = Place::new("delivered", &[]);
    let raw = place.path(".raw");
    assert_eq!(place.deliver(b"envelope"), std::slice::from_ref(&raw));
    let once = fs::read(&raw).unwrap();
    let esp = Disk::read(&once).unwrap();
    let esp = esp
        .partitions
        .iter()
        .find(|one| one.kind == Kind::Esp)
        .unwrap();
    let part = esp.of(&once).unwrap();
    let volume = Volume::read(&part).unwrap();
    let file = volume.file("karat/web_1.0.dsse.json").unwrap();
    assert_eq!(file.read(&part, 100).unwrap(), b"envelope");
    assert!(place.deliver(b"envelope").is_empty(), "nothing to do");
    assert_eq!(
        place.names(),
        ["web_1.0.attached.SHA256SUMS", "web_1.0.raw"],
        "no container appears by itself, and nothing is left behind"
    );
    // By another way to the same bytes.
    place.deliver(b"another");
    assert_ne!(fs::read(&raw).unwrap(), once);
    place.deliver(b"envelope");
    assert_eq!(fs::read(&raw).unwrap(), once);
}

#[test]
fn containers_beside_a_disk_are_made_anew() {
    let kinds = [Container::Qcow2, Container::Vmdk, Container::Vhd];
    let place = Place::new("delivered-containers", &kinds);
    // Not of this disk.
    fs::write(place.path("-other.qcow2"), b"x").unwrap();
    let before = fs::read(place.path(".qcow2")).unwrap();
    let written = place.deliver(b"envelope");
    let mut expected: Vec<PathBuf> = kinds.map(|kind| place.path(kind.suffix())).to_vec();
    expected.sort();
    expected.push(place.path(".raw"));
    assert_eq!(written, expected, "the disk comes last");
    assert_ne!(fs::read(place.path(".qcow2")).unwrap(), before);
    assert_eq!(fs::read(place.path("-other.qcow2")).unwrap(), b"x");
    let disk = FileSource::open(place.path(".raw")).unwrap();
    for kind in kinds {
        let there = fs::read(place.path(kind.suffix())).unwrap();
        let again = place.pack(&disk, kind);
        again.commit().unwrap();
        assert_eq!(
            fs::read(place.path(kind.suffix())).unwrap(),
            there,
            "{kind}"
        );
    }
    let digest = |suffix| info(&place.path(suffix), None, true, &Silent).unwrap();
    assert_eq!(digest(".qcow2").digest, digest(".raw").digest);
    let sums = place.path(ATTACHED_SUMS);
    let listed = fs::read_to_string(&sums).unwrap().lines().count();
    assert_eq!(listed, 4);
    if let Some(judge) = judge("sha256sum") {
        let mut command = judge.command();
        agrees(
            command
                .current_dir(place.scratch.join(""))
                .args(["-c", "--strict"])
                .arg(&sums),
        );
    }
    if let Some(judge) = judge("qemu-img") {
        for (kind, name) in [("qcow2", ".qcow2"), ("vmdk", ".vmdk"), ("vpc", ".vhd")] {
            let mut command = judge.command();
            command.args(["compare", "-f", "raw", "-F", kind]);
            agrees(command.arg(place.path(".raw")).arg(place.path(name)));
        }
    }
}
