#!/usr/bin/env python3
"""Times an audit of a long log beside what it cannot be faster than, in the same run.

    make bench-audit                                        the usual way: 1,000,000 signed entries
    benches/audit.py --bin DIR [--entries N] [--rounds N]   by hand; DIR holds karat

Makes a log below target/ (some 2 GB for 1,000,000 entries; it is kept for the next run), then in each
round audits it with karat and measures the limit: every signature strictly verified and every entry
hashed, on all processors, with nothing else between the clock's start and stop. Beside these a loop of
single verifications, as a script around openssl would do it, over a sample; the whole is extrapolated
from that. Nothing here fails because of a time.
"""

import argparse
import base64
import json
import os
import pathlib
import statistics
import struct
import subprocess
import tempfile
import threading
import time

SAMPLE = 2000
ROOT = pathlib.Path(__file__).resolve().parent.parent


def bench(arguments):
    argv = [os.environ.get("CARGO", "cargo"), "bench", "-q", "--bench", "audit", "--", *arguments]
    return subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def audit(program, log, trust, extra=()):
    """Wall seconds and the peak resident set in MB, by wait4(2)."""
    start = time.monotonic()
    argv = [program, "audit", str(log), "--trust", str(trust), "--quiet", *extra]
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, f"karat audit ended with {child.returncode}"
    return time.monotonic() - start, usage.ru_maxrss / 1024


def sample(log, trust):
    """(message, signature) of the first entries, and the key as PEM."""
    envelope = json.loads(trust.read_text())
    document = json.loads(base64.b64decode(envelope["payload"]))
    key = document["roles"]["baseline"]["keys"][0]["key"]
    pem = f"-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n"
    made = []
    for number in range(SAMPLE // 256 + 1):
        path = log / f"tile/entries/{number:03}"
        if not path.is_file():
            break
        data = path.read_bytes()
        while data and len(made) < SAMPLE:
            length, = struct.unpack(">H", data[:2])
            entry, data = data[2:2 + length], data[2 + length:]
            envelope = json.loads(entry.split(b"\n", 1)[1])
            payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
            message = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
            made.append((message, base64.b64decode(envelope["signatures"][0]["sig"])))
    return made, pem


def openssl(made, pem):
    """Seconds of one `openssl pkeyutl -verify`, as many at once as there are processors."""
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        (scratch / "key.pem").write_text(pem)
        for number, (message, signature) in enumerate(made):
            (scratch / f"{number}.message").write_bytes(message)
            (scratch / f"{number}.signature").write_bytes(signature)
        numbers, lock, workers = iter(range(len(made))), threading.Lock(), []

        def work():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", scratch / "key.pem",
                                "-rawin", "-in", scratch / f"{number}.message",
                                "-sigfile", scratch / f"{number}.signature"],
                               check=True, stdout=subprocess.DEVNULL)

        start = time.monotonic()
        for _ in range(os.cpu_count() or 1):
            workers.append(threading.Thread(target=work))
            workers[-1].start()
        for worker in workers:
            worker.join()
        return (time.monotonic() - start) / len(made)


def library(made, pem):
    """Seconds of one verification in a loop of Python's cryptography; None where it is not there."""
    try:
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        return None
    key = load_pem_public_key(pem.encode())
    start = time.monotonic()
    for message, signature in made:
        key.verify(signature, message)
    return (time.monotonic() - start) / len(made)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default=ROOT / "target/dist/bin")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    program = str(pathlib.Path(arguments.bin).resolve() / "karat")
    home = ROOT / "target" / f"bench-audit-{arguments.entries}"
    log, trust = home / "log", home / "trust.json"
    if not (log / "checkpoint").is_file():
        print(bench(["make", str(home), str(arguments.entries)]).strip())
    walls, limits, ones, peaks = [], [], [], []
    for _ in range(arguments.rounds):
        wall, peak = audit(program, log, trust)
        limit, one = map(float, bench(["limit", str(home)]).split())
        walls.append(wall)
        peaks.append(peak)
        limits.append(limit)
        ones.append(one)
        print(f"  audit {wall:7.2f} s   limit {limit:7.2f} s   ratio {wall / limit:.2f}   peak {peak:.0f} MB")
    wall, limit = statistics.median(walls), statistics.median(limits)
    document, memory = audit(program, log, trust, ["--json"])
    print(f"entries             {arguments.entries}")
    print(f"karat audit         {wall:.2f} s, peak {max(peaks):.0f} MB")
    print(f"  with --json       {document:.2f} s, peak {memory:.0f} MB")
    print(f"limit               {limit:.2f} s on all processors, {statistics.median(ones):.2f} s on one")
    print(f"ratio               {wall / limit:.2f}")
    made, pem = sample(log, trust)
    if not made:
        return
    for name, seconds in [("openssl, one by one", openssl(made, pem)),
                          ("python cryptography", library(made, pem))]:
        if seconds is not None:
            whole = seconds * arguments.entries
            print(f"{name} {whole:.0f} s, extrapolated from {len(made)}: {whole / wall:.1f} times the audit")


main()
