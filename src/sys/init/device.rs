//! Block devices: which there are, their bytes, and waiting for more.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

use crate::boot::Disk;
use crate::boot::mapper::DeviceNumber;
use crate::layout::gpt::{self, Partition};
use crate::layout::verity::Superblock;
use crate::layout::{Source, SourceError};
use crate::limits;
use crate::sys::fs::{self, IoContext as _, IoError};

/// Where the kernel lists block devices.
const BLOCK: &str = "/sys/class/block";
/// Bytes of a sector, to the kernel.
const SECTOR: u64 = 512;
/// How long a disk may take to appear: cloud volumes are attached before a machine starts, and the
/// slowest controllers take some ten seconds to find theirs.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open block device.
#[derive(Debug)]
pub struct Device {
    file: File,
    name: String,
    size: u64,
}

/// The disks of this machine that have a partition table, and why others have none.
#[derive(Debug, Default)]
pub struct Devices {
    /// Their tables.
    pub disks: Vec<Disk>,
    /// The disks, in the same order.
    pub open: Vec<Device>,
    /// Disks on which growing was cut off, and the tables that they shall have: [`Devices::mend`].
    pub(super) cut_off: Vec<(Device, gpt::Disk)>,
    /// What is wrong with the others.
    pub refused: Vec<String>,
}

/// Waits for devices by the kernel's own messages, up to a limit.
#[derive(Debug)]
pub struct Wait {
    socket: Option<OwnedFd>,
    until: Option<Instant>,
}

impl Device {
    /// Opens the device that the kernel calls `name`, for reading.
    ///
    /// # Errors
    /// There is none, or it cannot be opened.
    pub fn open(name: &str) -> Result<Self, IoError> {
        let sectors = value(&Path::new(BLOCK).join(name), "size")?;
        let path = path_of(name);
        let file = File::open(&path).at("open", &path)?;
        Ok(Self {
            file,
            name: name.to_owned(),
            size: sectors.saturating_mul(SECTOR),
        })
    }

    /// The node of the device.
    pub(super) fn path(&self) -> PathBuf {
        path_of(&self.name)
    }

    /// The kernel's name for the partition of this disk, if the kernel sees the same partition.
    ///
    /// # Errors
    /// It sees none of that number, or one with another start or size.
    pub fn partition(&self, partition: &Partition) -> Result<String, IoError> {
        let directory = Path::new(BLOCK).join(&self.name);
        for name in fs::list_up_to(&directory, limits::FACT_NAMES_MAX)? {
            let inner = directory.join(&name);
            let (Ok(number), Some(name)) = (value(&inner, "partition"), name.to_str()) else {
                continue;
            };
            if usize::try_from(number) != Ok(partition.number) {
                continue;
            }
            let at = |file| value(&inner, file).map(|it| it.saturating_mul(SECTOR));
            if (at("start")?, at("size")?) == (partition.start, partition.size) {
                return Ok(name.to_owned());
            }
        }
        let other = format!(
            "the kernel sees no partition {} of {} bytes at {}",
            partition.number, partition.size, partition.start
        );
        Err(IoError::new("find", self.path(), io::Error::other(other)))
    }

    /// The number of the device that the kernel calls `name`.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn number(name: &str) -> Result<DeviceNumber, IoError> {
        let path = Path::new(BLOCK).join(name).join("dev");
        let text = fs::read_text(&path, 64)?;
        let numbers = text.trim_end().split_once(':');
        numbers
            .and_then(|(major, minor)| {
                Some(DeviceNumber {
                    major: major.parse().ok()?,
                    minor: minor.parse().ok()?,
                })
            })
            .ok_or_else(|| odd(&path))
    }
}

impl Source for Device {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        SourceError::check(self.size, offset, buffer.len())?;
        let read = self.file.read_exact_at(buffer, offset);
        read.map_err(|error| SourceError::Io { offset, error })
    }
}

impl Devices {
    /// Looks at every disk that the kernel lists; names and labels mean nothing.
    ///
    /// # Errors
    /// The kernel's list cannot be read.
    pub fn look() -> Result<Self, IoError> {
        let mut devices = Self::default();
        for name in fs::list_up_to(BLOCK, limits::FACT_NAMES_MAX)? {
            let Some(name) = name.to_str() else { continue };
            let directory = Path::new(BLOCK).join(name);
            let is_part = fs::exists(directory.join("partition"))?;
            // Those without a medium have no sectors.
            if is_part || value(&directory, "size").unwrap_or(0) == 0 {
                continue;
            }
            match Device::open(name) {
                Ok(device) => match gpt::Disk::read(&device) {
                    Ok(table) => {
                        devices.disks.push(Disk {
                            name: name.to_owned(),
                            partitions: table.partitions,
                        });
                        devices.open.push(device);
                    }
                    Err(error) => match gpt::Disk::cut_off(&device) {
                        Some(table) => devices.cut_off.push((device, table)),
                        None => devices.refused.push(format!("{name}: {error}")),
                    },
                },
                Err(error) => devices.refused.push(error.to_string()),
            }
        }
        Ok(devices)
    }
}

impl Wait {
    /// Begins to listen, before anything is looked at: what appears in between is not missed.
    pub fn begin() -> Self {
        let kind = SocketType::DGRAM;
        let socket = socket_with(
            AddressFamily::NETLINK,
            kind,
            SocketFlags::CLOEXEC,
            Some(KOBJECT_UEVENT),
        );
        let socket = socket.and_then(|socket| {
            bind(&socket, &SocketAddrNetlink::new(0, 1))?;
            Ok(socket)
        });
        Self {
            socket: socket.ok(),
            until: Instant::now().checked_add(PATIENCE),
        }
    }

    /// Waits until the kernel tells of a block device; `false`: the time is over, or it cannot tell.
    pub fn next(&self) -> bool {
        let (Some(socket), Some(until)) = (&self.socket, self.until) else {
            return false;
        };
        let mut buffer = [0; 8192];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // A timeout of zero would be none at all.
            if left < Duration::from_millis(1)
                || set_socket_timeout(socket, Timeout::Recv, Some(left)).is_err()
            {
                return false;
            }
            match recv(socket, &mut buffer, RecvFlags::empty()) {
                Ok((count, _)) => {
                    let event = buffer.get(..count).unwrap_or_default();
                    if event
                        .split(|byte| *byte == 0)
                        .any(|field| field == b"SUBSYSTEM=block")
                    {
                        return true;
                    }
                }
                // More was told than fits: something is there.
                Err(Errno::NOBUFS) => return true,
                Err(Errno::INTR) => {}
                Err(_) => return false,
            }
        }
    }
}

/// What stands at the start of a partition with a hash tree.
///
/// # Errors
/// It is none; why.
pub fn superblock(device: &Device, partition: &Partition) -> Result<Superblock, String> {
    let mut bytes = [0; Superblock::SIZE];
    let part = partition.of(device).map_err(|error| error.to_string())?;
    part.read_at(0, &mut bytes)
        .map_err(|error| error.to_string())?;
    Superblock::parse(&bytes).map_err(|error| error.to_string())
}

/// The node of a device: the kernel writes `!` where its path has `/`.
pub(super) fn path_of(name: &str) -> PathBuf {
    Path::new("/dev").join(name.replace('!', "/"))
}

/// A number that the kernel shows.
fn value(directory: &Path, file: &str) -> Result<u64, IoError> {
    let path = directory.join(file);
    let text = fs::read_text(&path, 64)?;
    text.trim_end().parse().ok().ok_or_else(|| odd(&path))
}

fn odd(path: &Path) -> IoError {
    IoError::new(
        "read",
        path,
        io::Error::other("the kernel says no number there"),
    )
}
