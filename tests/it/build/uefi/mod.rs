//! A disk that `karat build --format disk` made, as a machine: firmware, boot loader, kernel image,
//! initrd, root. Each attack is made on a copy, and said by whoever stops it.
//!
//! The judges are OVMF, swtpm, and Debian's own stub, kernel and systemd, on a processor that QEMU
//! emulates. The tests in `disk` have other programs make the disk, and start its kernel directly.

mod attacks;
mod clean;
mod copy;
mod fixture;
mod machine;
