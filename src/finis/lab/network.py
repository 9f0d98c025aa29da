"""client – firewall – server, with a capture on both sides of the firewall.

    client eth0 ── outside  firewall  inside ── eth0 server
    203.0.113.10   203.0.113.1   172.17.77.1    172.17.77.250

With NAT the client knows the server as 198.51.100.250.
"""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from finis.errors import UsageError
from finis.lab.asa import Policy
from finis.lab.forwarder import Forwarder
from finis.lab.netfilter import Netfilter
from finis.lab.spaces import Space

CLIENT, SERVER, PUBLIC = "203.0.113.10", "172.17.77.250", "198.51.100.250"
NEARBY = {"outside": "203.0.113.1", "inside": "172.17.77.1"}
HOSTS = {"outside": CLIENT, "inside": SERVER}
MAC = {"outside": ("02:00:00:00:01:01", "02:00:00:00:01:0a"),
       "inside": ("02:00:00:00:02:01", "02:00:00:00:02:0a")}  # fmt: skip


class Network:
    """The three namespaces, the firewall between them, two captures and a log in `folder`.

    `kind`: ``asa``, ``asa-nat`` or ``netfilter``.  Everything ends with `close`, or with the
    process.
    """

    def __init__(self, folder: Path, kind: str, policy: Policy) -> None:
        self.folder, self.kind = folder, kind
        self.client, self.firewall, self.server = map(Space, ("client", "firewall", "server"))
        self._programs: list[subprocess.Popen[bytes]] = []
        self._taps: list[subprocess.Popen[bytes]] = []
        self.server_address = PUBLIC if policy.nat else SERVER
        try:
            for name, host in (("outside", self.client), ("inside", self.server)):
                self._cable(name, host)
            for name in ("outside", "inside"):
                self._tap(name)
            self.device = self._device(policy)
            self._await_taps()
        except BaseException:
            self.close()
            raise

    def _cable(self, name: str, host: Space) -> None:
        """One cable from the firewall to a host, with fixed neighbours: no ARP is needed."""
        near, far = MAC[name]
        run = self.firewall.run
        run("ip", "link", "add", name, "address", near, "type", "veth",
            "peer", "name", "eth0", "address", far, "netns", host.path)  # fmt: skip
        for space, link in ((self.firewall, name), (host, "eth0")):
            space.run("ip", "link", "set", link, "up")
            space.run("ip", "link", "set", "lo", "up")
            space.no_offload(link)
        host.run("ip", "addr", "add", f"{HOSTS[name]}/24", "dev", "eth0")
        host.run("ip", "route", "add", "default", "via", NEARBY[name])
        host.run("ip", "neigh", "add", NEARBY[name], "lladdr", near, "dev", "eth0")
        if self.kind == "netfilter":
            run("ip", "addr", "add", f"{NEARBY[name]}/24", "dev", name)
            run("ip", "neigh", "add", HOSTS[name], "lladdr", far, "dev", name)

    def _tap(self, name: str) -> None:
        tap = self.firewall.start(
            "tcpdump", "-Z", "root", "-U", "-n", "-s", "0",
            "--immediate-mode", "-w", str(self.folder / f"{name}.pcap"), "-i", name, "ip",
            stderr=subprocess.PIPE,
        )  # fmt: skip
        self._taps.append(tap)

    def _await_taps(self) -> None:
        for tap in self._taps:
            assert tap.stderr is not None
            while b"listening" not in (line := tap.stderr.readline()):
                if not line:
                    raise UsageError("lab: tcpdump does not run here")

    def _device(self, policy: Policy) -> Forwarder | Netfilter:
        if self.kind == "netfilter":
            return Netfilter(self.firewall, policy, self.folder / "conntrack.txt")
        sides = ("outside", "inside")
        macs = [[bytes.fromhex(mac.replace(":", "")) for mac in MAC[name]] for name in sides]
        return Forwarder(self.firewall, sides, macs, policy, self.folder / "asa.log")

    def start(self, space: Space, *command: str, **keywords: object) -> subprocess.Popen[bytes]:
        """Start a program that ends with the lab."""
        program = space.start(*command, **keywords)
        self._programs.append(program)
        return program

    def close(self) -> None:
        """Stop everything; the captures and the log are complete then."""
        for program in self._programs:
            program.kill()
            program.wait()
        time.sleep(0.1)  # what is on the way reaches the captures
        for tap in self._taps:
            tap.send_signal(signal.SIGINT)
        for tap in self._taps:
            try:
                tap.communicate(timeout=5)
            except subprocess.TimeoutExpired:
                tap.kill()
                tap.communicate()
        if hasattr(self, "device"):
            self.device.close()
        for space in (self.client, self.firewall, self.server):
            space.close()
