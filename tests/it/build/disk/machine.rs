//! A machine that is emulated until it switches itself off.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use super::fixture::Disk;
use crate::support::Judge;

/// Longest that one boot may take, in seconds, on a busy machine: it takes some 5.
const PATIENCE: &str = "240";

/// How a disk is started.
#[derive(Default)]
pub(super) struct Start<'a> {
    /// The kernel's command line; else the plan's.
    pub(super) cmdline: Option<&'a str>,
    /// Further options of QEMU.
    pub(super) more: Vec<String>,
}

/// Starts `disk`, and gives what the console said until the machine was off.
pub(super) fn boot(disk: &Disk, start: &Start<'_>) -> String {
    // What hangs is ended, and said to hang.
    let mut command = disk.judges.timeout.command();
    command.args(["-k", "5", PATIENCE]);
    command.arg(disk.judges.qemu.command().get_program());
    command.args(["-accel", "tcg,thread=single", "-cpu", "max", "-M", "q35"]);
    command.args([
        "-smp",
        "1",
        "-m",
        "512",
        "-nodefaults",
        "-no-reboot",
        "-display",
        "none",
    ]);
    command
        .args(["-serial", "stdio", "-kernel"])
        .arg(&disk.kernel);
    command.arg("-initrd").arg(disk.path("initrd"));
    let cmdline = start.cmdline.unwrap_or(&disk.plan.cmdline);
    command.args(["-append", cmdline]);
    let file = disk
        .path("disk.raw")
        .display()
        .to_string()
        .replace(',', ",,");
    command.args([
        "-drive",
        &format!("file={file},format=raw,if=virtio,cache=unsafe"),
    ]);
    command.args(&start.more);
    let output = command.stdin(Stdio::null()).output().unwrap();
    let console = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}: {said}{console}",
        output.status
    );
    console
}

/// A TPM that is emulated, for one machine; it ends with the machine.
pub(in crate::build) struct Tpm {
    child: Child,
    socket: String,
}

impl Tpm {
    pub(in crate::build) fn new(swtpm: &Judge, directory: &Path) -> Self {
        let state = directory.join("tpm");
        // What an earlier machine had it keep is there again.
        fs::create_dir_all(&state).unwrap();
        let socket = directory.join("tpm.socket").display().to_string();
        let mut command: Command = swtpm.command();
        command.args(["socket", "--tpm2", "--terminate", "--tpmstate"]);
        command.arg(format!("dir={}", state.display()));
        command.args(["--ctrl", &format!("type=unixio,path={socket}")]);
        // It is there once it has said so.
        let ready = directory.join("tpm.pid");
        drop(fs::remove_file(&ready));
        command.args(["--pid", &format!("file={}", ready.display())]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        while fs::read(&ready).map_or(true, |pid| pid.is_empty()) {
            std::thread::yield_now();
        }
        Self { child, socket }
    }

    /// The same TPM, as a program of tpm2-tools reaches it between two boots; gives what that says.
    pub(super) fn tell(
        swtpm: &Judge,
        directory: &Path,
        tool: &Judge,
        arguments: &[&str],
    ) -> Output {
        // Where tpm2-tools look for the control channel: beside the socket, by this name.
        let [socket, control] =
            ["tool.socket", "tool.socket.ctrl"].map(|name| directory.join(name));
        let ready = directory.join("tool.pid");
        for path in [&socket, &control, &ready] {
            drop(fs::remove_file(path));
        }
        let mut command: Command = swtpm.command();
        command.args(["socket", "--tpm2", "--flags", "startup-clear", "--tpmstate"]);
        command.arg(format!("dir={}", directory.join("tpm").display()));
        command.arg("--server");
        command.arg(format!("type=unixio,path={}", socket.display()));
        command.arg("--ctrl");
        command.arg(format!("type=unixio,path={}", control.display()));
        command.args(["--pid", &format!("file={}", ready.display())]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let running = Self {
            child,
            socket: String::new(),
        };
        while fs::read(&ready).map_or(true, |pid| pid.is_empty()) {
            std::thread::yield_now();
        }
        let mut tool = tool.command();
        tool.env("TPM2TOOLS_TCTI", format!("swtpm:path={}", socket.display()));
        let output = tool.args(arguments).output().unwrap();
        drop(running);
        output
    }

    /// What QEMU is told to use it.
    pub(in crate::build) fn options(&self) -> Vec<String> {
        [
            "-chardev",
            &format!("socket,id=chrtpm,path={}", self.socket),
            "-tpmdev",
            "emulator,id=tpm0,chardev=chrtpm",
            "-device",
            "tpm-crb,tpmdev=tpm0",
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
