"""What a scenario is, and what it may use.

A scenario is one module in `finis.lab.scenarios`: its docstring says what is done, `TRUTH` which
verdicts are true, `POLICY` how the firewall is configured, `KINDS` which firewalls it is played
through, and `run(lab)` does it.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import shutil
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from finis.errors import UsageError
from finis.lab.admission import Policy
from finis.lab.forwarder import Forwarder
from finis.lab.kinds import KINDS
from finis.lab.network import Network
from finis.lab.packet import build
from finis.lab.spaces import discard, scratch
from finis.lab.trim import shifted, trimmed

LINGER_0 = struct.pack("ii", 1, 0)
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
RECV_QUEUE, SEND_QUEUE = 1, 2
BACKGROUND_PORT = 9
HARMLESS, DEPENDS, HARMFUL = "harmless", "depends", "harmful"


@dataclass(frozen=True)
class Truth:
    """What is true of a connection.  Fields left at None are not claimed.

    `causes`: names of causes any of which, as the primary one, is right with full evidence;
    `less`: names that are true too but say less, right where evidence is missing; `harm`: what
    really came of it (``harmful``: data or a usable connection was lost, ``harmless``: nobody lost
    anything).
    """

    causes: tuple[str, ...]
    less: tuple[str, ...] = ()
    harm: str = DEPENDS
    ended: str | None = None
    first_fin: str | None = None
    first_rst: str | None = None
    in_payload: bool = False  # the harm lies in what was said: no log can show it
    port: int | None = None  # of the server; None: every connection without a truth of its own
    source: int | None = None  # the client's port; None: any


BACKGROUND = Truth(
    ("client-closed-first",), ("closed-per-log",), HARMLESS, "closed", "orig", "none",
    port=BACKGROUND_PORT,
)  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """One scenario, as its module declares it."""

    name: str
    text: str
    truths: tuple[Truth, ...]
    denials: tuple[str, ...]  # names that are right for a denial
    patterns: tuple[str, ...]  # names of patterns that full evidence must show
    beside: tuple[str, ...]  # causes that full evidence must name of a connection, primary or not
    connections: int | None  # how many there are, if that is part of the truth
    kinds: tuple[str, ...]
    needs: tuple[str, ...]  # programs
    policy: Policy
    background: bool  # other connections before and after, as any network has them
    clocks: dict[str, float]  # captures whose clock is ahead, in seconds
    run: Callable[[Lab], None]
    # Where only the run shows what happens: the truths, from its folder.
    judge: Callable[[Path], tuple[Truth, ...]] | None = None
    series: str = ""  # one of a series that is played together
    sample: bool = True  # played with all others too

    def lacking(self, kind: str = "asa") -> list[str]:
        """Programs that it and its firewall need and this machine lacks."""
        needs = (*self.needs, "nft") if "netfilter" in KINDS[kind].chain else self.needs
        return [name for name in dict.fromkeys(needs) if not which(name)]


def which(name: str) -> str | None:
    """Where a program is; PostgreSQL's are not on the path in Debian."""
    folders = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True)
    return shutil.which(name) or shutil.which(name, path=os.pathsep.join(folders) or "/nowhere")


def catalogue() -> dict[str, Scenario]:
    """Every scenario by name, sorted."""
    from finis.lab import scenarios

    names = sorted(
        found.name
        for found in pkgutil.iter_modules(scenarios.__path__)
        if not found.name.startswith("_")
    )
    return {one.name: one for name in names for one in _scenarios(name)}


def _scenarios(module: str) -> list[Scenario]:
    """The scenario of a module; of a module with `CELLS`, one of a series per cell."""
    found = importlib.import_module(f"finis.lab.scenarios.{module}")
    if not hasattr(found, "CELLS"):
        return [load(module)]
    series = module.replace("_", "-")
    return [
        Scenario(
            f"{series}-{name}", text, (), found.DENIALS, (), (), None, found.KINDS, needs, Policy(),
            True, {}, run, found.judge, series, name in found.SAMPLE,
        )
        for name, (text, needs, run) in found.CELLS.items()
    ]  # fmt: skip


def load(module: str) -> Scenario:
    """The scenario of one module of `finis.lab.scenarios`."""
    found = importlib.import_module(f"finis.lab.scenarios.{module}")
    truth = found.TRUTH
    return Scenario(
        name=module.replace("_", "-"),
        text=" ".join((found.__doc__ or "").split()),
        truths=truth if isinstance(truth, tuple) else (truth,),
        denials=getattr(found, "DENIALS", ()),
        patterns=getattr(found, "PATTERNS", ()),
        beside=getattr(found, "BESIDE", ()),
        connections=getattr(found, "CONNECTIONS", 1),
        kinds=getattr(found, "KINDS", ("asa", "netfilter")),
        needs=getattr(found, "NEEDS", ()),
        policy=getattr(found, "POLICY", Policy()),
        background=getattr(found, "BACKGROUND", True),
        clocks=getattr(found, "CLOCKS", {}),
        run=found.run,
        judge=getattr(found, "judge", None),
    )


@dataclass
class Lab:
    """What a scenario works with: the network, and sockets in it."""

    network: Network
    told: dict[str, str] = field(default_factory=dict)  # what the programs experienced
    # Held until the captures have ended: what a scenario leaves open stays open.
    held: list[socket.socket] = field(default_factory=list)

    @property
    def work(self) -> Path:
        """A folder for programs' files; it is not part of the result."""
        place = self.network.folder.resolve() / "work"
        if not place.exists():
            scratch(place)
            place.chmod(0o755)
        return place

    @property
    def address(self) -> str:
        """The server, as the client knows it."""
        return self.network.server_address

    @property
    def family(self) -> socket.AddressFamily:
        """IPv4 or IPv6, whichever this run is about."""
        return socket.AF_INET6 if self.network.kind.v6 else socket.AF_INET

    @property
    def asa(self) -> Forwarder:
        """The firewall, where it is the one in user space."""
        assert isinstance(self.network.device, Forwarder)
        return self.network.device

    @property
    def path(self) -> Forwarder:
        """What delays, reorders and loses packets behind the firewall."""
        assert self.network.path is not None
        return self.network.path

    def listen(self, port: int = 443, *, buffer: int = 0, backlog: int = 64) -> socket.socket:
        """A listening socket of the server; `buffer` is its receive buffer in bytes."""
        with self.network.server:
            sock = socket.socket(self.family)
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.network.server_ip, port))
        sock.listen(backlog)
        sock.settimeout(5)
        return sock

    def client(self, source_port: int = 0, timeout: float = 3) -> socket.socket:
        """An unconnected socket of the client."""
        with self.network.client:
            sock = socket.socket(self.family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.network.client_ip, source_port))
        sock.settimeout(timeout)
        self.held.append(sock)
        return sock

    def pair(
        self, port: int = 443, *, source_port: int = 0, buffer: int = 0, talk: bool = True
    ) -> tuple[socket.socket, socket.socket]:
        """Client and server socket, connected; with `talk` a request was answered already."""
        with self.listen(port, buffer=buffer) as listener:
            client = self.client(source_port)
            client.connect((self.address, port))
            server, _ = listener.accept()
        self.held.append(server)
        server.settimeout(3)
        if talk:
            ask(client, server)
        return client, server

    def old_connection(self, port: int, source_port: int) -> socket.socket:
        """The server's end of a connection that is older than captures and log, and whose other
        end no longer exists: made from nothing, without a segment (TCP_REPAIR)."""
        with self.network.server:
            sock = socket.socket(self.family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        sock.bind((self.network.server_ip, port))
        for queue, number in ((SEND_QUEUE, 1_234_567_890), (RECV_QUEUE, 2_345_678_901)):
            sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
            sock.setsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ, struct.pack("I", number))
        sock.connect((self.network.client_ip, source_port))
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)
        self.held.append(sock)
        return sock

    def raw(
        self, flags: int, seq: int, ack: int, src: tuple[str, int], dst: tuple[str, int],
        ttl: int = 64, payload: bytes = b"",
    ) -> None:  # fmt: skip
        """Send a segment made by hand, from the server's host if that is its source."""
        here = self.network.server if src[0] == self.network.server_ip else self.network.client
        with here:
            sock = socket.socket(self.family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with sock:
            packet = build(src, dst, flags, seq, ack, 1000, payload, ttl)
            sock.sendto(packet, (dst[0], 0))

    def cut(self, host: str) -> None:
        """From now on nothing reaches this host's stack (``client`` or ``server``)."""
        space = self.network.client if host == "client" else self.network.server
        space.run("nft", "-f", "-", text=CUT)

    def mend(self, host: str) -> None:
        """Undo `cut`."""
        space = self.network.client if host == "client" else self.network.server
        space.run("nft", "delete", "table", "inet", "cut")

    def background(self) -> None:
        """A short connection beside what the scenario does: shows that captures and log run."""
        client, server = self.pair(BACKGROUND_PORT)
        client.close()
        fate(server)
        server.close()
        time.sleep(0.05 + 4 * self.network.delay_s)


CUT = f"""table inet cut {{
  chain in {{
    type filter hook input priority filter; policy drop;
    tcp dport {BACKGROUND_PORT} accept
    tcp sport {BACKGROUND_PORT} accept
  }}
}}
"""


# --- sockets -----------------------------------------------------------------------------------


def ask(client: socket.socket, server: socket.socket, size: int = 200) -> None:
    """One request and its response, both read."""
    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
    read(server, 18)
    server.sendall(b"r" * size)
    read(client, size)


def read(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, fewer at the end of the stream."""
    got = b""
    while len(got) < size and (chunk := sock.recv(size - len(got))):
        got += chunk
    return got


def fate(sock: socket.socket, timeout: float = 1.0) -> str:
    """What the application meets next: eof, reset, data, or nothing."""
    sock.settimeout(timeout)
    try:
        return "data" if sock.recv(1 << 20) else "eof"
    except ConnectionResetError:
        return "reset"
    except TimeoutError:
        return "nothing"
    except OSError as error:
        return type(error).__name__


def abort(sock: socket.socket) -> None:
    """SO_LINGER with time 0, then close: a RST instead of a FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    sock.close()


def vanish(sock: socket.socket) -> None:
    """The kernel forgets the connection without a word to the peer, as after a power cut."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.close()


def numbers(sock: socket.socket) -> tuple[int, int]:
    """SND.NXT and RCV.NXT, as the kernel itself has them."""
    found = []
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    for queue in (SEND_QUEUE, RECV_QUEUE):
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        found.append(sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xFFFFFFFF)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)
    return found[0], found[1]


def not_across(period_s: float, needed_s: float) -> None:
    """Wait for the next second, half minute … of the clock, unless so much of this is left."""
    left = period_s - time.time() % period_s
    if left < needed_s:
        time.sleep(left)


# --- one run -------------------------------------------------------------------------------------


def perform(scenario: Scenario, kind: str, folder: Path) -> None:
    """Play a scenario through one kind of firewall; leaves captures, log and truth in `folder`.

    Raises UsageError with what went wrong.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = KINDS[kind]
    network = Network(folder, made, replace(scenario.policy, **made.policy))
    lab = Lab(network)
    try:
        if scenario.background:
            lab.background()
        scenario.run(lab)
        time.sleep(network.delay_s * 2)
        if scenario.background:
            lab.background()
    except OSError as error:
        raise UsageError(f"lab: {scenario.name} through {kind}: {error!r}") from error
    finally:
        network.close()
        discard(folder / "work")
    for point, seconds in scenario.clocks.items():
        capture = folder / f"{point}.pcap"
        trimmed(capture, capture, shifted(seconds))
    _describe(scenario, kind, folder, lab.told)


def _describe(scenario: Scenario, kind: str, folder: Path, told: dict[str, str]) -> None:
    """The truth beside the evidence, for people and for `finis lab score`."""
    truths, connections = scenario.truths, scenario.connections
    if scenario.judge is not None:
        truths = scenario.judge(folder)
    if scenario.background:
        truths += (BACKGROUND,)
        connections = None if connections is None else connections + 2
    facts = {
        "scenario": scenario.name,
        "firewall": kind,
        "done": scenario.text,
        "experienced": told,
        "truths": [asdict(truth) for truth in truths],
        "denials": scenario.denials,
        "patterns": scenario.patterns,
        "beside": scenario.beside,
        "connections": connections,
    }
    (folder / "truth.json").write_text(json.dumps(facts, indent=2) + "\n")
