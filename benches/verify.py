#!/usr/bin/env python3
"""Times the verifier beside other tools on real servers' trees: same files, same run.

    make bench-verify                            the usual way, as root
    benches/verify.py --bin DIR [--rounds N]     by hand; DIR holds karat and karat-agent

Builds two images with karat, unpacks them, and checks each tree with karat-agent, AIDE, mtree,
sha256sum and openssl. Rounds are interleaved, so that a busy minute hits all; medians and ratios are
printed, warm and, where the page cache may be dropped, cold. Nothing here fails because of a time.
What a tool does and karat does not need is not asked of it: AIDE compares SHA-256, type, mode,
owner, links and extended attributes with two workers; mtree compares karat's own manifest; sha256sum
and openssl only hash. Needs root, cargo, and whichever of the tools shall be compared.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# What servers have; the second tree is that of a machine that also builds software. Both are as Debian has them:
# no profile of hardening bears so much at once.
SOURCE = """[source]
distribution = "debian"
suite = "trixie"
components = ["main"]
pockets = ["updates", "security"]
"""
TEMPLATES = {
    "server": (None, ["apt", "auditd", "ca-certificates", "curl", "dbus", "git", "linux-image-amd64", "locales",
                      "man-db", "nftables", "nginx", "openssh-server", "postgresql", "python3", "redis-server",
                      "rsync", "sudo", "systemd-resolved", "systemd-sysv", "systemd-timesyncd", "udev", "vim"]),
    "builder": ("server", ["gcc", "g++", "golang-go", "openjdk-21-jre-headless", "llvm", "nodejs",
                           "docker.io", "linux-headers-amd64"]),
}
AIDE = """database_in=file:{database}
database_out=file:{database}
database_new=file:{database}
gzip_dbout=no
num_workers=2
report_url=file:/dev/null
All = p+ftype+l+n+u+g+s+xattrs+acl+caps+sha256
{root} All
"""


def run(argv, **options):
    """Wall seconds."""
    start = time.monotonic()
    subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    return time.monotonic() - start


def peak(argv, **options):
    """The peak resident set of a program in MB, by time(1): this one's own is larger."""
    if not shutil.which("time"):
        return ""
    with tempfile.NamedTemporaryFile() as out:
        subprocess.run(["time", "-q", "-f", "%M", "-o", out.name, *argv],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
        return f"{int(out.read()) / 1024:.0f}"


def drop_caches():
    """Whether the page cache could be dropped."""
    os.sync()
    try:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    except OSError:
        return False
    return True


class Bench:
    def __init__(self, arguments):
        self.bin = pathlib.Path(arguments.bin).resolve()
        self.rounds = arguments.rounds
        self.program = arguments.limit
        self.source = pathlib.Path(arguments.templates).resolve()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="karat-bench-", dir=arguments.scratch))
        self.env = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}", LC_ALL="C.UTF-8")

    def prepare(self):
        subprocess.run(["karat", "init", "work"], cwd=self.home, env=self.env, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        work = self.home / "work"
        shutil.copytree(self.source, work / "templates", dirs_exist_ok=True)
        for name, (parent, packages) in TEMPLATES.items():
            template = work / "templates" / f"{name}.toml"
            listed = ", ".join(f'"{package}"' for package in packages)
            extends, source = (f'extends = "{parent}"\n', "") if parent else ("", SOURCE)
            template.write_text(f'{extends}packages = [{listed}]\n[image]\nname = "{name}"\nversion = "1"\n'
                                f'[kernel]\ninitrd = "karat"\n{source}')
            subprocess.run(["karat", "build", template, "-o", self.home / "out", "--format", "tar",
                            "--compression", "none"], cwd=work, env=self.env, check=True,
                           stdout=subprocess.DEVNULL)
            root = self.home / name
            root.mkdir()
            subprocess.run(["tar", "-C", root, "--numeric-owner", "--xattrs", "--xattrs-include=*",
                            "-xpf", self.home / "out" / f"{name}_1.tar"], check=True)
            (self.home / "out" / f"{name}_1.tar").unlink()
        os.sync()

    def tools(self, name):
        """What is compared: a name and a command line each."""
        root, out = self.home / name, self.home / "out"
        tools = {"karat-agent verify": ["karat-agent", "verify", "--root", root, "--baseline",
                                        out / f"{name}_1.dsse.json", "--trust",
                                        self.home / "work" / "keys" / "trust.json"]}
        if shutil.which("aide"):
            config = self.home / f"{name}.aide"
            config.write_text(AIDE.format(database=self.home / f"{name}.aide.db", root=root))
            subprocess.run(["aide", "--init", "-c", config], stdout=subprocess.DEVNULL, check=True)
            tools["aide --check"] = ["aide", "--check", "-c", config]
        mtree = shutil.which("mtree") or shutil.which("mtree-netbsd")
        if mtree:
            tools["mtree"] = [mtree, "-f", out / f"{name}_1.mtree", "-p", root]
        xargs = f"find {root} -type f -print0 | xargs -0 -n 64 -P{os.cpu_count()}"
        tools["xargs sha256sum"] = ["sh", "-c", f"{xargs} sha256sum"]
        if shutil.which("openssl"):
            tools["xargs openssl"] = ["sh", "-c", f"{xargs} openssl dgst -sha256"]
        return tools

    def limit(self, name):
        """Seconds for hashing from memory, and for the walk."""
        place = pathlib.Path(__file__).resolve().parent.parent
        command = [self.program] if self.program else ["cargo", "bench", "-q", "--bench", "limit", "--"]
        hashing, walk = subprocess.check_output([*command, self.home / name], text=True,
                                                cwd=place).split()
        return float(hashing), float(walk)

    def first_read(self, command):
        """Median seconds from the start to the first byte of the tree that is read. By perf(1), whose
        tracepoints cost next to nothing; strace stops each new thread, some 10 ms in all."""
        if not shutil.which("perf"):
            return None
        trace = self.home / "trace"
        events = "sched:sched_process_exec,syscalls:sys_enter_preadv2,syscalls:sys_enter_pread64"
        found = []
        for _ in range(self.rounds):
            run(["perf", "record", "-q", "-e", events, "-o", trace, *command], env=self.env)
            script = subprocess.run(["perf", "script", "-i", trace, "-F", "time,event"], text=True,
                                    capture_output=True).stdout
            lines = [line.split(":", 1) for line in script.splitlines() if ":" in line]
            begun = [float(time) for time, event in lines if "exec" in event]
            reads = [float(time) for time, event in lines if "pread" in event]
            if begun and reads:
                found.append(min(reads) - begun[-1])
        return statistics.median(found) if found else None

    def report(self):
        row = "{:<34}{:>12}{:>12}{:>22}".format
        for name in TEMPLATES:
            root = self.home / name
            files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
            size = sum(path.stat().st_size for path in files)
            entries = sum(1 for _ in open(self.home / "out" / f"{name}_1.mtree", "rb"))
            print(f"\n{name}: {entries} paths, {len(files)} files, {size / 1e6:.0f} MB; "
                  f"{os.cpu_count()} processors; {self.rounds} rounds\n")
            tools = self.tools(name)
            found = {tool: [] for tool in tools}
            limits = []
            for _ in range(self.rounds):
                for tool, command in tools.items():
                    found[tool].append(run(command, env=self.env))
                limits.append(self.limit(name))
            print(row("warm", "median s", "peak MB", "karat takes"))
            medians = {tool: statistics.median(all) for tool, all in found.items()}
            ours = medians["karat-agent verify"]
            for tool, wall in medians.items():
                ratio = "" if wall == ours else f"{ours / wall:.2f}x"
                print(row(tool, f"{wall:.3f}", peak(tools[tool], env=self.env), ratio))
            hashing, walk = (statistics.median(limit[place] for limit in limits) for place in (0, 1))
            print(row("limit: hashing from memory", f"{hashing:.3f}", "", ""))
            print(row("limit: walk, open, read, close", f"{walk:.3f}", "", ""))
            print(row("limit: both", f"{hashing + walk:.3f}", "",
                      f"{(hashing + walk) / ours:.0%} of the limit"))
            first = self.first_read(tools["karat-agent verify"])
            if first is not None:
                print(row("start to first byte read", f"{first:.3f}", "", ""))
            self.cold(files, tools["karat-agent verify"])

    def cold(self, files, command):
        """Against reading all files in the order of their inodes, which is that of the disk."""
        order = sorted(files, key=lambda path: path.stat().st_ino)
        listing = self.home / "order"
        listing.write_bytes(b"\0".join(os.fsencode(path) for path in order))
        reading = ["sh", "-c", f"xargs -0 -n 512 cat < {listing}"]
        ours, peers = [], []
        for _ in range(self.rounds):
            if not drop_caches():
                print("the page cache cannot be dropped here: no cold figures")
                return
            ours.append(run(command, env=self.env))
            drop_caches()
            peers.append(run(reading))
        wall, peer = statistics.median(ours), statistics.median(peers)
        row = "{:<34}{:>12}{:>12}{:>22}".format
        print(row("cold: karat-agent verify", f"{wall:.3f}", "", f"{peer / wall:.0%} of cat"))
        print(row("cold: cat in the order of inodes", f"{peer:.3f}", "", ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="target/dist/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--templates", default="templates")
    parser.add_argument("--limit", help="benches/limit.rs as a program, instead of by cargo")
    parser.add_argument("--scratch", default=None, help="a directory on the disk to measure")
    arguments = parser.parse_args()
    if os.getuid() != 0:
        sys.exit("the trees hold files of many owners: run this as root")
    bench = Bench(arguments)
    try:
        bench.prepare()
        bench.report()
    finally:
        shutil.rmtree(bench.home, ignore_errors=True)


if __name__ == "__main__":
    main()
