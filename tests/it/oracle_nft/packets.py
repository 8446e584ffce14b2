"""Tries flows between network namespaces, with the standard library alone.

packets.py plan.json prints what became of each probe and of each reload, as JSON. The plan names hosts,
each with a ruleset and commands for nft, and probes. A host is a process in a network namespace of its own,
all of them on one bridge.
"""
import json
import os
import selectors
import socket
import subprocess
import sys
import time

# For whoever must get through, on a busy machine; and for whoever must not, once the others have.
PATIENCE, MORE = 30.0, 1.5


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def kind(proto):
    return socket.SOCK_STREAM if proto == "tcp" else socket.SOCK_DGRAM


def serve(plan):
    """Answers each byte with itself, on every port of the plan."""
    poll = selectors.DefaultSelector()
    for proto, port in plan["ports"]:
        for fam, every in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
            it = socket.socket(fam, kind(proto))
            it.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if fam == socket.AF_INET6:
                it.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            it.bind((every, port))
            if proto == "tcp":
                it.listen(64)
            it.setblocking(False)
            poll.register(it, selectors.EVENT_READ, "listen" if proto == "tcp" else "udp")
    poll.register(sys.stdin, selectors.EVENT_READ, "end")
    print("ready", flush=True)
    while True:
        for key, _ in poll.select():
            if key.data == "end":
                return
            try:
                if key.data == "listen":
                    peer, _ = key.fileobj.accept()
                    peer.setblocking(False)
                    poll.register(peer, selectors.EVENT_READ, "peer")
                elif key.data == "udp":
                    data, address = key.fileobj.recvfrom(64)
                    key.fileobj.sendto(data, address)
                else:
                    data = key.fileobj.recv(64)
                    if data:
                        key.fileobj.send(data)
                    else:
                        poll.unregister(key.fileobj)
                        key.fileobj.close()
            except OSError:
                pass


def probe(plan):
    """Tries all probes at once; prints the numbers of those that were answered."""
    if plan.get("uid"):
        os.setuid(plan["uid"])
    poll = selectors.DefaultSelector()
    waiting, answered = {}, set()
    for number, (address, proto, port, _) in plan["probes"]:
        it = socket.socket(family(address), kind(proto))
        it.setblocking(False)
        waiting[number] = it
        if proto == "tcp":
            if it.connect_ex((address, port)) not in (0, 115):  # EINPROGRESS
                continue
            poll.register(it, selectors.EVENT_WRITE | selectors.EVENT_READ, (number, proto))
        else:
            try:
                it.connect((address, port))
            except OSError:
                continue
            poll.register(it, selectors.EVENT_READ, (number, proto))
    must = {number for number, (_, _, _, passes) in plan["probes"] if passes}
    udp = [n for n, (_, proto, _, _) in plan["probes"] if proto == "udp"]
    begin, again, enough = time.monotonic(), 0.0, None
    while True:
        now = time.monotonic()
        if now >= again:
            for number in udp:
                if number not in answered:
                    try:
                        waiting[number].send(b"?")
                    except OSError:
                        pass
            again = now + 0.5
        if must <= answered and enough is None:
            enough = now + MORE
        if now - begin > PATIENCE or (enough and now > enough):
            break
        for key, events in poll.select(0.1):
            number, proto = key.data
            if proto == "tcp" and events & selectors.EVENT_WRITE:
                if key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    answered.add(number)
                poll.unregister(key.fileobj)
                continue
            try:
                if key.fileobj.recv(64):
                    answered.add(number)
            except OSError:
                pass
    print(json.dumps(sorted(answered)), flush=True)


def hold(plan):
    """Keeps one connection; each line that comes is sent, and what is answered is printed."""
    it = socket.create_connection(tuple(plan["to"]), timeout=PATIENCE)
    print("connected", flush=True)
    for line in sys.stdin:
        it.sendall(line.strip().encode())
        print(it.recv(64).decode(), flush=True)


def run(*command, **more):
    subprocess.run(command, check=True, **more)


class Host:
    """A namespace with one interface on the bridge."""

    def __init__(self, spec, number, hub):
        self.name, self.addresses = spec["name"], spec["addresses"]
        self.keeper = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        own = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.keeper.pid}/ns/net") == own:
            time.sleep(0.01)
        ends = f"v{number}", f"h{number}"
        run("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1],
            "netns", str(self.keeper.pid))
        run("ip", "link", "set", ends[0], "master", hub, "up")
        self.enter("ip", "link", "set", "lo", "up")
        self.enter("ip", "link", "set", ends[1], "up")
        for address in self.addresses:
            length = "64" if ":" in address else "16"
            more = ["nodad"] if ":" in address else []
            self.enter("ip", "address", "add", f"{address}/{length}", "dev", ends[1], *more)
        for address in spec.get("also", []):
            self.enter("ip", "address", "add", address, "dev", ends[1],
                       *(["nodad"] if ":" in address else []))
        for address in spec.get("routes", []):
            self.enter("ip", "route", "add", address, "dev", ends[1])
        self.load(spec)

    def load(self, spec):
        if spec.get("ruleset"):
            self.enter("nft", "-f", "-", input=spec["ruleset"].encode())
        if spec.get("commands"):
            self.enter("nft", *spec["commands"])

    def enter(self, *command, **more):
        run("nsenter", "--net", f"--target={self.keeper.pid}", "--", *command, **more)

    def start(self, part, plan):
        return subprocess.Popen(
            ["nsenter", "--net", f"--target={self.keeper.pid}", "--", sys.executable, __file__, part,
             json.dumps(plan)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def probes_of(hosts, plan, key):
    """Tries all probes of a list, each host's in a process of its own, all at once."""
    by_host = {}
    for number, (source, *what, uid) in enumerate(plan[key]):
        by_host.setdefault((source, uid), []).append((number, what))
    tries = [hosts[source].start("probe", {"probes": probes, "uid": uid})
             for (source, uid), probes in by_host.items()]
    return sorted(n for it in tries for n in json.loads(it.communicate()[0]))


def main(path):
    with open(path, encoding="utf-8") as file:
        plan = json.load(file)
    run("ip", "link", "add", "hub", "type", "bridge", "mcast_snooping", "0")
    run("ip", "link", "set", "hub", "up")
    specs = {spec["name"]: spec for spec in plan["hosts"]}
    hosts, started = {}, []
    try:
        for number, spec in enumerate(plan["hosts"]):
            hosts[spec["name"]] = Host(spec, number, "hub")
        for host in hosts.values():
            server = host.start("serve", {"ports": plan["ports"]})
            started.append(server)
            assert server.stdout.readline() == "ready\n"
        answer = {"answered": probes_of(hosts, plan, "probes")}
        # Rulesets are loaded again while somebody is connected; their sets are empty then.
        holders = []
        for source, target, address, port in plan["held"]:
            holder = hosts[source].start("hold", {"to": [address, port]})
            started.append(holder)
            holders.append((holder, target, [holder.stdout.readline().strip()]))
        for word in ("before", "after"):
            for holder, target, words in holders:
                if word == "after":
                    hosts[target].load({"ruleset": specs[target]["ruleset"]})
                holder.stdin.write(word + "\n")
                holder.stdin.flush()
                words.append(holder.stdout.readline().strip())
        answer["held"] = [words for _, _, words in holders]
        answer["emptied"] = probes_of(hosts, plan, "emptied")
        print(json.dumps(answer))
    finally:
        for process in started:
            process.kill()
        for host in hosts.values():
            host.keeper.kill()


if __name__ == "__main__":
    if sys.argv[1] in ("serve", "probe", "hold"):
        globals()[sys.argv[1]](json.loads(sys.argv[2]))
    else:
        main(sys.argv[1])
