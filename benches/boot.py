#!/usr/bin/env python3
"""Times how long a disk of karat's takes from power-on to the first process of its root, beside the same
disk with the initrd that Debian's initramfs-tools make: same kernel, same root, same machine, same run.

    benches/boot.py --disk out/shop_1.raw --uki out/shop_1.efi [--rounds N]     as root

Kernel, command line and karat's initrd come out of the unified kernel image. The other initrd is made by
update-initramfs in a system of the same release (mmdebstrap; kept with --system DIR) with its defaults
(MODULES=most), udev, and the least that opens the same dm-verity root: veritysetup and one script. It compares
no signature, remembers nothing and prepares no place to write; karat's does all of that.

QEMU starts the kernel directly, so that no firmware is timed. Rounds are interleaved, so that a busy minute hits
all; each starts a fresh copy-on-write view of a disk that was booted once, so that nobody formats. Times are
those at which the lines of the kernel reach the serial console:

    kernel    power-on until the kernel starts /init: unpacking the initrd is in here
    initrd    from there to the first line of the root's systemd
    total     both

On a processor that QEMU emulates (TCG) the kernel takes most of the time, and takes it in both: what differs is
`initrd`, and unpacking. How long each step of karat-agent took says /run/karat/boot-timings.json of the running system;
the test clean_boot of tests/it/build/disk prints it. Nothing here fails because of a time.
Needs root, qemu-system-x86_64, qemu-img, objcopy, zstd, mmdebstrap.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import tempfile
import time

SUITE = "trixie"
PACKAGES = "initramfs-tools,cryptsetup-bin,zstd"
HOOK = """#!/bin/sh
[ "$1" = prereqs ] && exit 0
. /usr/share/initramfs-tools/hook-functions
copy_exec /usr/sbin/veritysetup /sbin
manual_add_modules dm-verity erofs
"""
SCRIPT = """#!/bin/sh
[ "$1" = prereqs ] && exit 0
for word in $(cat /proc/cmdline); do
    case $word in roothash=*) hash=${word#*=};; data=*) data=${word#*=};; tree=*) tree=${word#*=};; esac
done
modprobe dm-verity
udevadm settle
/sbin/veritysetup open /dev/disk/by-partuuid/$data root /dev/disk/by-partuuid/$tree $hash --panic-on-corruption
"""
INIT = b"Run /init as init process"
ROOT = re.compile(rb"systemd\[1\]: systemd [0-9]")
PATIENCE = 300


def run(*argv, **options):
    return subprocess.run([str(it) for it in argv], check=True, stdout=subprocess.PIPE, **options).stdout


def section(uki, name, to):
    run("objcopy", "-O", "binary", f"--only-section={name}", uki, to)
    return to


def plan(initrd, home):
    """The plan in karat's initrd."""
    plain = home / "plain"
    with plain.open("wb") as out:
        # The section ends in zeros, which zstd does not like once it has written all.
        subprocess.run(["zstd", "-qdc", str(initrd)], check=False, stdout=out, stderr=subprocess.DEVNULL)
    with plain.open("rb") as archive:
        text = run("cpio", "-i", "--quiet", "--to-stdout", "boot.json", stdin=archive)
    plain.unlink()
    return json.loads(text)


def peer(system, version):
    """The initrd of initramfs-tools for this kernel."""
    if not (system / "etc").exists():
        subprocess.run(["mmdebstrap", "--quiet", "--variant=apt", f"--include={PACKAGES},linux-image-{version}",
                        SUITE, str(system)], check=True)
    for path, text in (("etc/initramfs-tools/hooks/verity", HOOK),
                       ("etc/initramfs-tools/scripts/local-top/verity", SCRIPT)):
        (system / path).write_text(text)
        (system / path).chmod(0o755)
    run("chroot", system, "update-initramfs", "-u", "-k", version, stderr=subprocess.STDOUT)
    return system / f"boot/initrd.img-{version}"


def boot(parts, disk, memory):
    """Seconds from power-on to /init and to the root's first process."""
    kernel, initrd, cmdline = parts
    argv = ["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-M", "q35", "-smp", "1",
            "-m", str(memory), "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
            "-kernel", str(kernel), "-initrd", str(initrd), "-append", cmdline,
            "-drive", f"file={disk},format=qcow2,if=virtio,snapshot=on"]
    start = time.monotonic()
    machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    init = None
    said = []
    try:
        for line in machine.stdout:
            now = time.monotonic() - start
            said.append(line)
            if INIT in line:
                init = now
            if init is not None and ROOT.search(line):
                return init, now
            if now > PATIENCE:
                break
    finally:
        machine.kill()
        machine.wait()
    raise SystemExit("it does not come up:\n" + b"".join(said[-40:]).decode(errors="replace"))


def settle(parts, disk, home, memory):
    """A view of the disk that was booted once by karat: its state partition is formatted."""
    kernel, initrd, cmdline = parts
    view = home / "settled.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk.resolve(), view)
    argv = ["qemu-system-x86_64", "-accel", "tcg,thread=single", "-cpu", "max", "-M", "q35", "-smp", "1",
            "-m", str(memory), "-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio",
            "-kernel", str(kernel), "-initrd", str(initrd), "-append", cmdline,
            "-drive", f"file={view},format=qcow2,if=virtio,cache=writethrough"]
    machine = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    try:
        for line in machine.stdout:
            if ROOT.search(line):
                return view
    finally:
        machine.kill()
        machine.wait()
    raise SystemExit("karat's own initrd does not bring it up")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disk", type=pathlib.Path, required=True, help="the disk, raw")
    parser.add_argument("--uki", type=pathlib.Path, required=True, help="its unified kernel image")
    parser.add_argument("--system", type=pathlib.Path, help="where the peer's system is kept")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", type=int, default=1024, help="MiB of the machine")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="karat-bench-") as home:
        home = pathlib.Path(home)
        kernel, initrd, version, cmdline = (
            section(arguments.uki, name, home / name[1:]) for name in (".linux", ".initrd", ".uname", ".cmdline"))
        version, cmdline = (it.read_text().strip("\0\n") for it in (version, cmdline))
        root = plan(initrd, home)["root"]
        other = peer(arguments.system or home / "system", version)
        opened = (f"{cmdline} root=/dev/mapper/root rootfstype=erofs ro systemd.verity=no "
                  f"roothash={root['root_hash']} data={root['data']} tree={root['hash']}")
        ways = {"karat": (kernel, initrd, cmdline), "initramfs-tools": (kernel, other, opened)}
        view = settle(ways["karat"], arguments.disk, home, arguments.memory)
        times = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, parts in ways.items():
                times[name].append(boot(parts, view, arguments.memory))
        print(f"kernel {version}, {arguments.rounds} rounds, medians in seconds, least and most in brackets")
        print(f"{'':16} {'initrd MB':>9}  {'kernel':>6}  {'initrd':>6}  total")
        totals = {}
        for name, parts in ways.items():
            size = parts[1].stat().st_size / 1e6
            first = statistics.median(init for init, _ in times[name])
            second = statistics.median(end - init for init, end in times[name])
            ends = sorted(end for _, end in times[name])
            totals[name] = statistics.median(ends)
            print(f"{name:16} {size:9.2f}  {first:6.2f}  {second:6.2f}  {totals[name]:.2f} ({ends[0]:.2f} to {ends[-1]:.2f})")
        print(f"ratio of the totals: {totals['karat'] / totals['initramfs-tools']:.2f}")


if __name__ == "__main__":
    main()
