"""client – firewall – server, with a capture on every cable.

    client eth0 ── outside  firewall  inside ── eth0 server
    203.0.113.10   203.0.113.1   172.17.77.1    172.17.77.250

With two devices in a row the cable between them is tapped too (``between``); the second may be a
mere piece of path, where the first has none of its own that delays, reorders and loses.  With NAT
the client knows the server as 198.51.100.250; over IPv6 the hosts are 2001:db8:113::10 and
2001:db8:77::250.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from finis.errors import UsageError
from finis.lab.admission import Policy
from finis.lab.asa import Asa
from finis.lab.forwarder import ETH_P_IP, ETH_P_IPV6, Forwarder, Make, Wire
from finis.lab.injector import Injector
from finis.lab.kinds import INSIDE, INSIDE_6, OUTSIDE, OUTSIDE_6, Kind
from finis.lab.netfilter import Netfilter
from finis.lab.spaces import Space

SIDES = ("outside", "inside")  # the interfaces of a device
# Ports that hosts take by themselves; scenarios name others, by which truths are told apart.
PORTS = "53000\t60999"
TAPS = {1: SIDES, 2: ("outside", "between", "inside")}


class Network:
    """The namespaces, the devices between them, captures and logs in `folder`.

    Everything ends with `close`, or with the process.
    """

    def __init__(self, folder: Path, kind: Kind, policy: Policy) -> None:
        self.folder, self.kind = folder, kind
        self.client, self.server = Space("client"), Space("server")
        self.firewalls = [Space("firewall") for _ in kind.chain]
        self._programs: list[subprocess.Popen[bytes]] = []
        self._taps: list[subprocess.Popen[bytes]] = []
        self.devices: list[Forwarder | Netfilter] = []
        ends = (OUTSIDE_6, INSIDE_6) if kind.v6 else (OUTSIDE, INSIDE)
        hosts = (self.client, self.server)
        if kind.client_inside:
            hosts = hosts[::-1]
            self.server_ip, self.client_ip = ends[0][0], ends[1][0]
        else:
            self.client_ip, self.server_ip = ends[0][0], ends[1][0]
        public = {own: public for public, own in policy.nat.items()}
        self.server_address = public.get(self.server_ip, self.server_ip)
        nodes = [hosts[0], *self.firewalls, hosts[1]]
        try:
            for number in range(len(nodes) - 1):
                self._cable(number, nodes[number], nodes[number + 1])
            for host, end, number in ((hosts[0], ends[0], 0), (hosts[1], ends[1], len(nodes) - 2)):
                self._address(host, end, number)
            for number, name in enumerate(kind.chain):
                if name == "netfilter":
                    self._routes(number, ends)
            for number, name in enumerate(TAPS[len(kind.chain)]):
                self._tap(number, name)
            for number, name in enumerate(kind.chain):
                self.devices.append(self._device(number, name, policy))
            self._await_taps()
        except BaseException:
            self.close()
            raise

    @property
    def device(self) -> Forwarder | Netfilter:
        """The firewall, the outermost of several."""
        return self.devices[0]

    @property
    def path(self) -> Forwarder | None:
        """What delays, reorders and loses, if anything here can: the outermost that does."""
        return next((one for one in self.devices if isinstance(one, Forwarder)), None)

    @property
    def delay_s(self) -> float:
        """How long a packet is on its way."""
        return self.path.delay_s if self.path else 0.0

    def _cable(self, number: int, left: Space, right: Space) -> None:
        """One cable, from the inside of what stands left to the outside of what stands right."""
        links = [(left, "inside"), (right, "outside")]
        links = [(one, name if one in self.firewalls else "eth0") for one, name in links]
        (_, near), (_, far) = links
        left.run("ip", "link", "add", near, "address", mac(number, 0), "type", "veth",
                 "peer", "name", far, "address", mac(number, 1), "netns", right.path)  # fmt: skip
        for space, link in links:
            if self.kind.v6:
                space.sysctl(f"net.ipv6.conf.{link}.accept_dad", 0)
                space.sysctl(f"net.ipv6.conf.{link}.router_solicitations", 0)
            space.run("ip", "link", "set", link, "up")
            space.run("ip", "link", "set", "lo", "up")
            space.no_offload(link)

    def _address(self, host: Space, end: tuple[str, str], cable: int) -> None:
        """A host's address and way out, with fixed neighbours: nobody needs to be asked."""
        own, nearby = end
        there = mac(0, 1) if cable == 0 else mac(cable, 0)
        size = 64 if self.kind.v6 else 24
        at_once = ("nodad",) if self.kind.v6 else ()
        host.run("ip", "addr", "add", f"{own}/{size}", "dev", "eth0", *at_once)
        host.run("ip", "route", "add", "default", "via", nearby)
        host.run("ip", "neigh", "add", nearby, "lladdr", there, "dev", "eth0")
        host.sysctl("net.ipv4.ip_local_port_range", PORTS)

    def _routes(self, number: int, ends: Sequence[tuple[str, str]]) -> None:
        """The addresses of a firewall that is a host itself, and who stands on its two sides."""
        space, size = self.firewalls[number], 64 if self.kind.v6 else 24
        neighbours = (mac(number, 0), mac(number + 1, 1))
        for link, (host, own), there in zip(SIDES, ends, neighbours, strict=True):
            space.run("ip", "addr", "add", f"{own}/{size}", "dev", link)
            space.run("ip", "neigh", "add", host, "lladdr", there, "dev", link)
        if self.kind.v6:
            space.sysctl("net.ipv6.conf.all.forwarding", 1)

    def _tap(self, cable: int, name: str) -> None:
        tap = self.firewalls[max(cable - 1, 0)].start(
            "tcpdump", "-Z", "root", "-U", "-n", "-s", "0", "--immediate-mode",
            "-w", str(self.folder / f"{name}.pcap"), "-i", SIDES[0 if cable == 0 else 1],
            "ip6" if self.kind.v6 else "ip", stderr=subprocess.PIPE,
        )  # fmt: skip
        self._taps.append(tap)

    def _await_taps(self) -> None:
        for tap in self._taps:
            assert tap.stderr is not None
            while b"listening" not in (line := tap.stderr.readline()):
                if not line:
                    raise UsageError("lab: tcpdump does not run here")

    def _device(self, number: int, name: str, policy: Policy) -> Forwarder | Netfilter:
        space = self.firewalls[number]
        if name == "netfilter":
            return Netfilter(space, policy, self.folder / "conntrack.txt")
        if name == "injector":
            device: Make = partial(Injector, policy)
        elif name == "wire":
            device = Wire
        else:
            device = partial(Asa, policy, name="fw-inner" if number else "fw-lab")
        log = self.folder / (f"{name}-inner.log" if number else f"{name}.log")
        if name == "wire":
            log = Path(os.devnull)  # it has nothing to tell
        macs = [(mac(number, 1), mac(number, 0)), (mac(number + 1, 0), mac(number + 1, 1))]
        protocol = ETH_P_IPV6 if self.kind.v6 else ETH_P_IP
        return Forwarder(space, SIDES, macs, device, log, protocol)

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
        for device in self.devices:
            device.close()
        for space in (self.client, *self.firewalls, self.server):
            space.close()


def mac(cable: int, end: int) -> str:
    """The address of one end of a cable: 0 towards outside, 1 towards inside."""
    return f"02:00:00:00:{cable + 1:02x}:{end + 1:02x}"
