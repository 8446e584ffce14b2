#!/usr/bin/env python3
"""Times karat beside mmdebstrap: same packages, same versions, same file system, same run.

    make bench                                   the usual way
    benches/build.py --bin DIR [--rounds N]      by hand; DIR holds karat and karat-agent

Packages are on this machine before the clock starts, for both. Rounds are interleaved, so that a
busy minute hits both; medians and ratios are printed. Nothing here fails because of a time.
Needs mmdebstrap and dpkg-dev; as root mmdebstrap runs in its root mode, otherwise in unshare mode.
"""

import argparse
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib



def run(argv, cwd, env):
    """Runs a command; gives wall seconds and the peak resident set of its largest process in MB."""
    start = time.monotonic()
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(argv, cwd=cwd, env=env, stdout=log, stderr=log)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - start
        if child.returncode != 0:
            log.seek(0)
            sys.stderr.buffer.write(log.read()[-4000:])
            sys.exit(f"failed ({child.returncode}): {' '.join(map(str, argv))}")
    return wall, usage.ru_maxrss / 1024


def steps(path):
    """Seconds by step, out of a --progress-fd file."""
    found = {}
    for line in path.read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "finished":
            found[event["step"]] = found.get(event["step"], 0) + event["seconds"]
    return found


class Bench:
    def __init__(self, arguments):
        self.bin = pathlib.Path(arguments.bin).resolve()
        self.karat = str(self.bin / "karat")
        self.rounds = arguments.rounds
        self.source = pathlib.Path(arguments.template).resolve()
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="karat-bench-"))
        # mmdebstrap's namespaces read the repository in it under other ids.
        self.home.chmod(0o755)
        self.env = {
            "PATH": f"{self.bin}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "LC_ALL": "C.UTF-8",
            "XDG_CACHE_HOME": str(self.home / "cache"),
        }
        for name in ("http_proxy", "https_proxy", "no_proxy"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def prepare(self):
        """A lock, the packages in karat's cache, and the same packages as an apt repository."""
        templates = self.home / "templates"
        shutil.copytree(self.source.parent, templates)
        self.template = templates / self.source.name
        self.lock = self.template.with_suffix(".lock")
        run([self.karat, "lock", self.template], self.home, self.env)
        self.vendor = self.home / "vendor"
        run([self.karat, "lock", self.template, "--vendor", self.vendor], self.home, self.env)
        run([self.karat, "build", self.template, "--no-sign", "--format", "tar", "-o", "warm"], self.home, self.env)
        lock = tomllib.loads(self.lock.read_text())
        # A lock also pins what only machines boot: a kernel, which a tar has none of.
        sbom = json.loads((self.home / "warm" / f"{self.source.stem}_1.spdx.json").read_text())
        built = {package["name"] for package in sbom["packages"]}
        self.packages = [(p["name"], p["version"]) for p in lock["package"] if p["name"] in built]
        self.epoch = str(lock["epoch"])
        self.suite = tomllib.loads(
            subprocess.check_output([self.karat, "template", "show", self.template], text=True)
        )["source"]["suite"]
        repository = self.home / "repository"
        repository.mkdir()
        for deb in sorted(self.vendor.rglob("*.deb")):
            os.link(deb, repository / deb.name) if not (repository / deb.name).exists() else None
        with open(repository / "Packages", "wb") as out:
            subprocess.run(["dpkg-scanpackages", "--multiversion", "."], cwd=repository,
                           stdout=out, stderr=subprocess.DEVNULL, check=True)
        # mmdebstrap looks for the essential packages of the suite that it was asked for.
        packages = (repository / "Packages").read_bytes()
        (repository / "Release").write_text(
            f"Suite: {self.suite}\nCodename: {self.suite}\nArchitectures: amd64 all\nSHA256:\n"
            f" {hashlib.sha256(packages).hexdigest()} {len(packages)} Packages\n")
        self.repository = repository

    def cold(self, scratch):
        out = scratch / "out"
        shutil.rmtree(out, ignore_errors=True)
        events = scratch / "events"
        env = dict(self.env, TMPDIR=str(scratch))
        with open(events, "wb") as sink:
            os.set_inheritable(sink.fileno(), True)
            argv = [self.karat, "build", self.template, "--no-cache", "--no-sign", "--offline",
                    "--locked", "--format", "tar", "--compression", "none", "-o", out,
                    "--progress-fd", "9"]
            shell = ["sh", "-c", 'exec "$@" 9>"$0"', events, *argv]
            wall, memory = run(shell, self.home, env)
        return wall, memory, steps(events)

    def mmdebstrap(self, scratch):
        mode = "root" if os.getuid() == 0 else "unshare"
        names = ",".join(f"{name}={version}" for name, version in self.packages
                         if not name.startswith("karat-"))
        argv = ["mmdebstrap", f"--mode={mode}", "--variant=required", f"--include={names}",
                "--aptopt=APT::Install-Recommends \"false\"", self.suite, scratch / "peer.tar",
                f"deb [trusted=yes] copy:{self.repository} ./"]
        env = dict(self.env, TMPDIR=str(scratch), SOURCE_DATE_EPOCH=self.epoch)
        return run(argv, self.home, env)

    def rebuilds(self):
        """A change of configuration alone, and no change at all."""
        changed, same = [], []
        variant = self.template.with_name("variant.toml")
        shutil.copy(self.lock, variant.with_suffix(".lock"))
        for number in range(self.rounds + 1):
            variant.write_text(f'extends = "{self.template.stem}"\n\n[image]\nname = "variant"\n\n[[files]]\n'
                               f'path = "/etc/bench.conf"\ncontent = "round {number}\\n"\n')
            argv = [self.karat, "build", variant, "--no-sign", "--offline", "-o", "rebuilt"]
            changed.append(run(argv, self.home, self.env)[0])
            same.append(run(argv, self.home, self.env)[0])
        return changed[1:], same[1:]

    def report(self):
        print(f"{len(self.packages)} packages, {self.suite}, {self.rounds} rounds, "
              f"{os.cpu_count()} processors, uid {os.getuid()}\n")
        row = "{:<34}{:>10}{:>12}{:>10}".format
        print(row("", "median s", "peak MB", "ratio"))
        for name, place in (("tmpfs", "/dev/shm"), ("disk", str(self.home))):
            scratch = pathlib.Path(tempfile.mkdtemp(prefix="karat-bench-", dir=place))
            scratch.chmod(0o755)
            ours, peers = [], []
            for _ in range(self.rounds):
                ours.append(self.cold(scratch))
                peers.append(self.mmdebstrap(scratch))
            shutil.rmtree(scratch, ignore_errors=True)
            wall = statistics.median(o[0] for o in ours)
            peer = statistics.median(p[0] for p in peers)
            print(row(f"mmdebstrap, {name}", f"{peer:.1f}", f"{max(p[1] for p in peers):.0f}", ""))
            print(row(f"karat build --no-cache, {name}", f"{wall:.1f}",
                      f"{max(o[1] for o in ours):.0f}", f"{wall / peer:.2f}x"))
            for step in ours[0][2]:
                print(row(f"  of which {step}", f"{statistics.median(o[2][step] for o in ours):.1f}",
                          "", ""))
        changed, same = self.rebuilds()
        print(row("configuration changed, all outputs", f"{statistics.median(changed):.2f}", "", ""))
        print(row("nothing changed", f"{statistics.median(same):.2f}", "", ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="target/dist/bin")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--template", default="templates/web-frontend.toml")
    for tool in ("mmdebstrap", "dpkg-scanpackages"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is not installed: nothing to compare with")
    bench = Bench(parser.parse_args())
    try:
        bench.prepare()
        bench.report()
    finally:
        shutil.rmtree(bench.home, ignore_errors=True)


if __name__ == "__main__":
    main()
