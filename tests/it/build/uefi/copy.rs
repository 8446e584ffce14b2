//! A copy of the disk, and what can be done to it from outside.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::Command;

use karat::layout::fat::Volume;
use karat::layout::gpt::{Disk, Partition};
use karat::layout::pe::Image;
use karat::sys::fs::FileSource;

use super::fixture::{Built, STEM};
use crate::build::workshop::said;
use crate::support::Scratch;

/// The image's disk, which may be written to.
pub(super) struct Copy<'a> {
    pub(super) built: &'a Built,
    scratch: Scratch,
    partitions: Vec<Partition>,
}

impl<'a> Copy<'a> {
    pub(super) fn new(built: &'a Built, name: &str) -> Self {
        let scratch = Scratch::new(name);
        let (from, to) = (built.output(".raw"), scratch.join("disk.raw"));
        let mut cp = Command::new("cp");
        run(cp.args(["--sparse=always", "--"]).arg(from).arg(&to));
        let table = Disk::read(&FileSource::open(&to).unwrap()).unwrap();
        Self {
            built,
            scratch,
            partitions: table.partitions,
        }
    }

    pub(super) fn disk(&self) -> PathBuf {
        self.path("disk.raw")
    }

    /// A file beside the disk.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// The first partition with this label: the image's own carry its name and version, the data
    /// before the tree.
    pub(super) fn partition(&self, label: &str) -> &Partition {
        let mut found = self.partitions.iter().filter(|it| it.name == label);
        found.next().unwrap()
    }

    /// The partition with the root's hash tree.
    pub(super) fn tree(&self) -> &Partition {
        let mut found = self.partitions.iter().filter(|it| it.name == STEM);
        found.nth(1).unwrap()
    }

    /// Writes to a partition.
    pub(super) fn write(&self, partition: &Partition, at: u64, bytes: &[u8]) {
        assert!(at + bytes.len() as u64 <= partition.size);
        let disk = fs::File::options().write(true).open(self.disk()).unwrap();
        disk.write_all_at(bytes, partition.start + at).unwrap();
    }

    /// Changes one bit of a partition.
    pub(super) fn flip(&self, partition: &Partition, at: u64) {
        let mut byte = [0];
        let disk = fs::File::open(self.disk()).unwrap();
        disk.read_exact_at(&mut byte, partition.start + at).unwrap();
        self.write(partition, at, &[byte[0] ^ 1]);
    }

    /// The paths of all files of the EFI system partition.
    pub(super) fn esp_files(&self) -> Vec<String> {
        let disk = FileSource::open(self.disk()).unwrap();
        let part = self.partition("esp").of(&disk).unwrap();
        let files = Volume::read(&part).unwrap().files;
        files.into_iter().map(|file| file.path).collect()
    }

    /// The path of the kernel image there, with the boots that it still may try.
    pub(super) fn uki(&self) -> String {
        let files = self.esp_files();
        let mut found = files.iter().filter(|path| path.starts_with("EFI/Linux/"));
        let path = found.next().unwrap().clone();
        assert_eq!(found.next(), None);
        path
    }

    /// Reads a file of the EFI system partition, by mtools.
    pub(super) fn get(&self, path: &str) -> Vec<u8> {
        let to = self.path("from-esp");
        let mut mcopy = self.mtool(false);
        run(mcopy.arg("-o").arg(format!("::{path}")).arg(&to));
        fs::read(to).unwrap()
    }

    /// Writes a file of the EFI system partition, by mtools.
    pub(super) fn put(&self, path: &str, bytes: &[u8]) {
        let from = self.path("to-esp");
        fs::write(&from, bytes).unwrap();
        let mut mcopy = self.mtool(false);
        run(mcopy.arg("-o").arg(from).arg(format!("::{path}")));
    }

    /// Makes a directory on the EFI system partition.
    pub(super) fn make_directory(&self, path: &str) {
        run(self.mtool(true).arg(format!("::{path}")));
    }

    /// Changes the kernel image: its section `name` has these bytes, and zeros up to its end.
    pub(super) fn edit_uki(&self, name: &str, bytes: &[u8]) -> Vec<u8> {
        let path = self.uki();
        let mut uki = self.get(&path);
        let image = Image::read(&uki).unwrap();
        let section = *image.section(name).unwrap().unwrap();
        let start = section.file_offset as usize;
        let place = &mut uki[start..start + section.memory_size as usize];
        place.fill(0);
        place[..bytes.len()].copy_from_slice(bytes);
        self.put(&path, &uki);
        uki
    }

    /// Puts a file into the file system of the state partition, after what a power failure asks for.
    pub(super) fn put_into_state(&self, path: &str, bytes: &[u8]) {
        let state = self.partition("state");
        let mut content = vec![0; usize::try_from(state.size).unwrap()];
        let disk = fs::File::open(self.disk()).unwrap();
        disk.read_exact_at(&mut content, state.start).unwrap();
        let file = self.path("state.ext4");
        fs::write(&file, content).unwrap();
        let mut e2fsck = self.built.judges.e2fsck.command();
        let output = e2fsck.args(["-f", "-y"]).arg(&file).output().unwrap();
        // 1: errors were corrected, such as a journal that was not played back.
        let (code, text) = said(&output);
        assert!(code <= 1, "{code}: {text}");
        fs::write(self.path("new"), bytes).unwrap();
        let command = format!("write new {path}");
        let mut debugfs = self.built.judges.debugfs.command();
        debugfs.current_dir(self.scratch.path());
        run(debugfs.args(["-w", "-R", &command, "state.ext4"]));
        self.write(state, 0, &fs::read(file).unwrap());
    }

    /// Has karat sign what firmware starts with the key that its variables trust.
    pub(super) fn sign(&self) {
        const SNAKEOIL: &str = "/usr/share/ovmf/PkKek-1-snakeoil";
        let key = self.path("db.key");
        let mut openssl = self.built.judges.openssl.command();
        openssl.args(["pkey", "-passin", "pass:snakeoil", "-in"]);
        run(openssl.arg(format!("{SNAKEOIL}.key")).arg("-out").arg(&key));
        let files = self.esp_files();
        let programs = files
            .iter()
            .filter(|path| path.to_lowercase().ends_with(".efi"));
        for path in programs {
            let file = self.path("unsigned.efi");
            fs::write(&file, self.get(path)).unwrap();
            let mut karat = Command::new(env!("CARGO_BIN_EXE_karat"));
            karat.args(["--quiet", "image", "sign"]).arg(&file);
            karat.args(["--certificate", &format!("{SNAKEOIL}.pem"), "--key"]);
            run(karat.arg(&key));
            self.put(path, &fs::read(file).unwrap());
        }
    }

    fn mtool(&self, makes_directory: bool) -> Command {
        let judges = &self.built.judges;
        let mut command = if makes_directory {
            judges.mmd.command()
        } else {
            judges.mcopy.command()
        };
        let at = self.partition("esp").start;
        let image = format!("{}@@{at}", self.disk().display());
        command.arg("-i").arg(image);
        command
    }
}

pub(super) fn run(command: &mut Command) -> String {
    let (code, text) = said(&command.output().unwrap());
    assert_eq!(code, 0, "{command:?}: {text}");
    text
}
