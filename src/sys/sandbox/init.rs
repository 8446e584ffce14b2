//! The inner processes of a sandbox: the runner, which makes the pid namespace, and init, which is
//! pid 1 in it.

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use rustix::fs::{FileType, Mode};
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount};
use rustix::process::{Resource, Rlimit, WaitOptions, WaitStatus};
use rustix::thread::UnshareFlags;

use super::diagnose::Facts;
use super::error::SandboxError;
use super::stand_in::{self, Server};
use super::{INIT, Plan, StandIn, Step, die_with_parent, end_with, filter, read_line, unshare};
use crate::path::ImagePath;
use crate::sys::process;
use crate::sys::root::Root;

/// Stands for `start-stop-daemon` while scripts run: nothing is to be started in an image.
const NO_DAEMON: &str =
    "#!/bin/sh\necho 'karat: an image is being built: nothing is started' >&2\n";

/// What is put into `/dev` for the sandbox' own use.
pub(super) const PLACE: &str = "/dev/.karat";

/// Device nodes that scripts may expect, taken from the machine.
const DEVICES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];

/// Links that udev would make.
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("ptmx", "pts/ptmx"),
    ("stderr", "/proc/self/fd/2"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
];

/// The runner: makes the namespaces, starts init in them, and ends as init ends.
pub fn runner() -> ExitCode {
    let made = die_with_parent().and_then(|()| {
        unshare(UnshareFlags::NEWPID | UnshareFlags::NEWNS)
            .map_err(|errno| Facts::read().refused_inside("make a pid namespace", errno))
    });
    if let Err(error) = made {
        return broken(&error);
    }
    let started = process::command("/proc/self/exe")
        .arg(INIT)
        .stdin(Stdio::inherit())
        .status();
    match started {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => broken(&SandboxError::step("start pid 1", error)),
    }
}

/// Pid 1: makes the root, runs the plan, and takes all that is left with it when it ends.
pub fn init(stand_ins: &[StandIn]) -> ExitCode {
    match prepare(stand_ins) {
        Ok(plan) => run_steps(&plan),
        Err(error) => broken(&error),
    }
}

fn report(line: &str) {
    let mut output = std::io::stdout().lock();
    drop(writeln!(output, "{line}").and_then(|()| output.flush()));
}

fn broken(error: &SandboxError) -> ExitCode {
    let error = serde_json::to_string(error).unwrap_or_default();
    report(&format!("broken {error}"));
    ExitCode::FAILURE
}

fn prepare(stand_ins: &[StandIn]) -> Result<Plan, SandboxError> {
    die_with_parent()?;
    let mut input = BufReader::new(std::io::stdin());
    let plan = read_line(&mut input)
        .ok()
        .flatten()
        .and_then(|line| serde_json::from_str::<Plan>(&line).ok())
        .ok_or_else(|| SandboxError::step("read the plan", "the worker is gone"))?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    let _ = rustix::process::setsid();
    limit(Resource::Core, 0);
    limit(Resource::Nofile, 1024);
    enter_root(&plan.root)?;
    let stand_ins = if plan.stand_ins { stand_ins } else { &[] };
    let server = Server::place(stand_ins);
    filter::apply()?;
    // Only now, since from here on there are several threads.
    end_with(input.into_inner());
    if let Some(server) = server {
        server.start()?;
    }
    Ok(plan)
}

/// Limits that scripts see must not differ between machines; one that is lower already stays.
fn limit(resource: Resource, value: u64) {
    let old = rustix::process::getrlimit(resource);
    let lower = |limit: Option<u64>| Some(limit.map_or(value, |limit| limit.min(value)));
    let new = Rlimit {
        current: lower(old.current),
        maximum: old.maximum,
    };
    let _ = rustix::process::setrlimit(resource, new);
}

fn enter_root(path: &Path) -> Result<(), SandboxError> {
    let refused = |what: &str, errno: rustix::io::Errno| SandboxError::Mount {
        what: what.to_owned(),
        message: errno.to_string(),
    };
    mount_bind(path, path).map_err(|errno| refused("the root onto itself", errno))?;
    let root = Root::open(path).map_err(|error| SandboxError::step("open the root", error))?;
    for name in ["/dev", "/proc", "/sys"] {
        check_mount_point(&root, name)?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", path.join("proc"), "proc", flags, None)
        .map_err(|errno| refused("a fresh /proc", errno))?;

    let dev = path.join("dev");
    mount(
        "tmpfs",
        &dev,
        "tmpfs",
        MountFlags::NOSUID,
        Some(c"mode=0755,size=64m"),
    )
    .map_err(|errno| refused("a tmpfs on /dev", errno))?;
    fill_dev(&dev, &refused)?;

    let step = |errno| SandboxError::step("enter the root", errno);
    rustix::process::chdir(path).map_err(step)?;
    rustix::process::pivot_root(".", ".").map_err(step)?;
    unmount(".", UnmountFlags::DETACH).map_err(step)?;
    rustix::process::chdir("/").map_err(step)?;

    let nothing = stand_in::executable("start-stop-daemon", NO_DAEMON)
        .map_err(|error| SandboxError::step("make /dev", error))?;
    for daemon in ["/usr/sbin/start-stop-daemon", "/sbin/start-stop-daemon"] {
        if mount_bind(&nothing, daemon).is_ok() {
            break;
        }
    }
    Ok(())
}

/// A mount point must be a directory of the root itself: a link could lead anywhere.
fn check_mount_point(root: &Root, name: &str) -> Result<(), SandboxError> {
    let path =
        ImagePath::parse(name).map_err(|error| SandboxError::step("mount in the root", error))?;
    match root.find(&path) {
        Ok(Some(found)) if found.kind == FileType::Directory => Ok(()),
        Ok(_) => Err(SandboxError::Mount {
            what: name.to_owned(),
            message: "it is no directory in this image".to_owned(),
        }),
        Err(error) => Err(SandboxError::step("mount in the root", error)),
    }
}

fn fill_dev(
    dev: &Path,
    refused: &dyn Fn(&str, rustix::io::Errno) -> SandboxError,
) -> Result<(), SandboxError> {
    let step = |error: std::io::Error| SandboxError::step("make /dev", error);
    for name in DEVICES {
        File::create(dev.join(name)).map_err(step)?;
        mount_bind(PathBuf::from("/dev").join(name), dev.join(name))
            .map_err(|errno| refused(&format!("/dev/{name}"), errno))?;
    }
    for (name, target) in DEVICE_LINKS {
        std::os::unix::fs::symlink(target, dev.join(name)).map_err(step)?;
    }
    for (name, mode) in [(".karat", 0o755), ("pts", 0o755), ("shm", 0o1777)] {
        let path = dev.join(name);
        rustix::fs::mkdir(&path, Mode::from_raw_mode(mode)).map_err(|errno| step(errno.into()))?;
        rustix::fs::chmod(&path, Mode::from_raw_mode(mode)).map_err(|errno| step(errno.into()))?;
    }
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    let options = Some(c"newinstance,ptmxmode=0666,mode=620");
    mount("devpts", dev.join("pts"), "devpts", flags, options)
        .map_err(|errno| refused("/dev/pts", errno))?;
    Ok(())
}

fn run_steps(plan: &Plan) -> ExitCode {
    for (number, step) in plan.steps.iter().enumerate() {
        report(&format!("began {number}"));
        match run_step(plan, step) {
            Ok(status) if status.exit_status() == Some(0) => {}
            Ok(status) => {
                let text = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => format!("exit status {code}"),
                    (_, Some(signal)) => format!("killed by signal {signal}"),
                    _ => "an unknown status".to_owned(),
                };
                report(&format!("failed {text}"));
                return ExitCode::FAILURE;
            }
            Err(error) => {
                report(&format!("failed {error}"));
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

fn run_step(plan: &Plan, step: &Step) -> std::io::Result<WaitStatus> {
    if let Some((from, to)) = &step.rename {
        rustix::fs::rename(from, to)?;
    }
    let result = spawn_and_wait(plan, step);
    if let Some((from, to)) = &step.rename {
        // A script that removed its own directory has only itself to blame.
        let _ = rustix::fs::rename(to, from);
    }
    result
}

fn spawn_and_wait(plan: &Plan, step: &Step) -> std::io::Result<WaitStatus> {
    let (program, arguments) = step
        .command
        .split_first()
        .ok_or(std::io::ErrorKind::InvalidInput)?;
    let mut command = process::command(program);
    // A second name of the report pipe, without close-on-exec; dpkg closes it before scripts.
    let status: Option<OwnedFd> = if step.status {
        let fd = rustix::io::dup(std::io::stdout())?;
        command.args(["--status-fd", &fd.as_raw_fd().to_string()]);
        Some(fd)
    } else {
        None
    };
    let environment = plan.environment.iter().chain(&step.environment);
    let child = command
        .args(arguments)
        .envs(environment.map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdout(Stdio::from(rustix::io::fcntl_dupfd_cloexec(
            std::io::stderr(),
            3,
        )?))
        .spawn()?;
    drop(status);
    let pid = rustix::process::Pid::from_child(&child);
    // Pid 1 reaps every orphan, whoever started it.
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((ended, status))) if ended == pid => return Ok(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}
