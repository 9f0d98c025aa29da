"""The tracker against real kernels: two network namespaces, sockets closed in every manner, and
the verdict compared with what the sockets themselves experienced.

Needs root, iproute2 and tcpdump; skipped otherwise.  All scenarios run once, each on a server port
of its own, into one capture on the server's side.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest

from finis.terms import Accept, Answers, Ended, RstClass
from finis.tracking import endings
from finis.tracking.segments import tracker
from finis.wire.captures import pcap
from finis.wire.source import Points, Reading, Source

SERVER, CLIENT, NOBODY = "10.99.0.1", "10.99.0.2", "10.99.0.77"
CLONE_NEWNET = 0x40000000
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21
RECV_QUEUE, SEND_QUEUE = 1, 2
LINGER_0 = struct.pack("ii", 1, 0)
TAG = f"finis{os.getpid() % 10000}"

pytestmark = pytest.mark.skipif(
    os.name != "posix"
    or os.geteuid() != 0
    or not shutil.which("ip")
    or not shutil.which("tcpdump"),
    reason="needs root, ip and tcpdump",
)


def ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], check=True, capture_output=True, text=True, timeout=10)
    return done.stdout


@contextmanager
def inside(space: str) -> Iterator[None]:
    """Sockets opened here belong to that namespace, and stay in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{TAG}{space}", os.O_RDONLY)
    try:
        if libc.setns(there, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        libc.setns(home, CLONE_NEWNET)
        os.close(home)
        os.close(there)


@contextmanager
def namespaces() -> Iterator[None]:
    try:
        try:
            for space in "sc":
                ip("netns", "add", f"{TAG}{space}")
            ip("link", "add", f"{TAG}s", "netns", f"{TAG}s", "type", "veth",
               "peer", "name", f"{TAG}c", "netns", f"{TAG}c")  # fmt: skip
            for space, address in (("s", SERVER), ("c", CLIENT)):
                ip("-n", f"{TAG}{space}", "addr", "add", f"{address}/24", "dev", f"{TAG}{space}")
                ip("-n", f"{TAG}{space}", "link", "set", f"{TAG}{space}", "up")
                ip("-n", f"{TAG}{space}", "link", "set", "lo", "up")
            shown = ip("-n", f"{TAG}s", "-o", "link", "show", f"{TAG}s")
            mac = shown.split("link/ether ")[1].split()[0]
            ip("-n", f"{TAG}c", "neigh", "add", NOBODY, "lladdr", mac, "dev", f"{TAG}c")
        except (subprocess.CalledProcessError, OSError) as error:
            pytest.skip(f"no namespaces here: {error}")
        yield
    finally:
        for space in "sc":
            subprocess.run(["ip", "netns", "del", f"{TAG}{space}"], capture_output=True, timeout=10)


@contextmanager
def captured(path: Path) -> Iterator[None]:
    dump_it = ["tcpdump", "-U", "-n", "-s", "128", "--immediate-mode", "-w", str(path)]
    command = ["ip", "netns", "exec", f"{TAG}s", "timeout", "30", *dump_it, "-i", f"{TAG}s", "tcp"]
    dump = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert dump.stderr is not None
        while "listening" not in (line := dump.stderr.readline()):
            if not line:
                pytest.skip("tcpdump does not run here")
        yield
        time.sleep(0.15)
    finally:
        dump.send_signal(signal.SIGINT)
        try:
            dump.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            dump.kill()
            dump.communicate()


# --- sockets -----------------------------------------------------------------------------------


def connected(
    port: int, source_port: int = 0, buffer: int = 0
) -> tuple[socket.socket, socket.socket]:
    """A client and a server socket, connected; `buffer` is the server's receive buffer."""
    with inside("s"):
        listener = socket.socket()
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((SERVER, port))
        listener.listen(4)
    with inside("c"):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind((CLIENT, source_port))
        client.settimeout(2)
        client.connect((SERVER, port))
    server, _ = listener.accept()
    listener.close()
    server.settimeout(2)
    client.sendall(b"hello")
    server.recv(100)
    server.sendall(b"welcome")
    client.recv(100)
    return client, server


def fate(sock: socket.socket) -> str:
    """What the application sees next: eof, reset, data, or nothing."""
    sock.settimeout(0.2)
    try:
        return "data" if sock.recv(65536) else "eof"
    except ConnectionResetError:
        return "reset"
    except BrokenPipeError:
        return "eof"
    except TimeoutError:
        return "nothing"


def numbers(sock: socket.socket) -> tuple[int, int]:
    """SND.NXT and RCV.NXT, as the kernel itself has them."""
    found = []
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    for queue in (SEND_QUEUE, RECV_QUEUE):
        sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, queue)
        found.append(sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xFFFFFFFF)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, -1)
    return found[0], found[1]


def inject(client: socket.socket, flags: int, seq: int, ack: int) -> None:
    """Send a forged segment in the client's name."""
    src, dst = client.getsockname(), client.getpeername()
    tcp = struct.pack(
        ">HHIIBBHHH", src[1], dst[1], seq & 0xFFFFFFFF, ack, 5 << 4, flags, 1000, 0, 0
    )
    pseudo = socket.inet_aton(src[0]) + socket.inet_aton(dst[0]) + struct.pack(">BBH", 0, 6, 20)
    words = struct.unpack(">16H", pseudo + tcp)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    tcp = tcp[:16] + struct.pack(">H", ~total & 0xFFFF) + tcp[18:]
    with inside("c"), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.sendto(tcp, (dst[0], 0))
    time.sleep(0.03)


# --- scenarios: each returns what the sockets experienced ---------------------------------------

Fates = dict[str, str]


def client_first(port: int) -> Fates:
    c, s = connected(port)
    c.shutdown(socket.SHUT_WR)
    fates = {"server": fate(s)}
    s.close()
    fates["client"] = fate(c)
    c.close()
    return fates


def server_first(port: int) -> Fates:
    c, s = connected(port)
    s.shutdown(socket.SHUT_WR)
    fates = {"client": fate(c)}
    c.close()
    fates["server"] = fate(s)
    s.close()
    return fates


def half_close(port: int) -> Fates:
    c, s = connected(port)
    c.shutdown(socket.SHUT_WR)
    fate(s)
    s.sendall(b"x" * 1000)
    fates = {"data": fate(c)}
    s.close()
    fates["client"] = fate(c)
    c.close()
    return fates


def linger_zero(port: int) -> Fates:
    c, s = connected(port)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
    c.close()
    fates = {"server": fate(s)}
    s.close()
    return fates


def unread(port: int) -> Fates:
    c, s = connected(port)
    s.sendall(b"x" * 100)
    time.sleep(0.02)
    c.close()
    fates = {"server": fate(s)}
    s.close()
    return fates


def fin_then_reset(port: int) -> Fates:
    c, s = connected(port)
    s.sendall(b"x" * 31)
    time.sleep(0.02)
    c.shutdown(socket.SHUT_WR)
    c.close()
    time.sleep(0.02)
    s.close()
    return {}


def data_after_close(port: int) -> Fates:
    c, s = connected(port)
    c.close()
    fates = {"before": fate(s)}
    s.sendall(b"late")
    time.sleep(0.03)
    try:
        s.sendall(b"later")
        fates["server"] = "nothing"
    except (BrokenPipeError, ConnectionResetError):
        fates["server"] = "reset"
    s.close()
    return fates


def refused(port: int) -> Fates:
    with inside("c"), socket.socket() as c:
        c.settimeout(1)
        try:
            c.connect((SERVER, port))
        except ConnectionRefusedError:
            return {"client": "refused"}
    return {"client": "connected"}


def unanswered(port: int) -> Fates:
    with inside("c"), socket.socket() as c:
        c.settimeout(0.3)
        try:
            c.connect((NOBODY, port))
        except TimeoutError:
            return {"client": "nothing"}
    return {"client": "connected"}


def killed(port: int) -> Fates:
    c, s = connected(port)
    child = os.fork()
    if child == 0:
        s.close()
        time.sleep(5)
        os._exit(0)
    c.close()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    fates = {"server": fate(s)}
    s.close()
    return fates


def forged(offset: int) -> Callable[[int], Fates]:
    def scenario(port: int) -> Fates:
        c, s = connected(port)
        snd_nxt, rcv_nxt = numbers(c)
        inject(c, 0x14, snd_nxt + offset, rcv_nxt)
        fates = {"server": fate(s)}
        if fates["server"] != "reset":
            c.sendall(b"still here")
            fates["after"] = fate(s)
            c.shutdown(socket.SHUT_WR)
            fate(s)
        s.close()
        fate(c)
        c.close()
        return fates

    return scenario


def forged_syn(port: int) -> Fates:
    c, s = connected(port)
    snd_nxt, _ = numbers(c)
    inject(c, 0x02, snd_nxt + 77_000, 0)
    fates = {"server": fate(s)}
    c.sendall(b"still here")
    fates["after"] = fate(s)
    c.shutdown(socket.SHUT_WR)
    fate(s)
    s.close()
    fate(c)
    c.close()
    return fates


def reused(port: int) -> Fates:
    c, s = connected(port)
    source_port = c.getsockname()[1]
    s.shutdown(socket.SHUT_WR)
    fate(c)
    c.close()
    fate(s)
    s.close()
    c, s = connected(port, source_port)
    c.shutdown(socket.SHUT_WR)
    fate(s)
    s.close()
    fates = {"client": fate(c)}
    c.close()
    return fates


def keep_alive(port: int) -> Fates:
    c, s = connected(port)
    c.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    time.sleep(1.2)
    c.shutdown(socket.SHUT_WR)
    fates = {"server": fate(s)}
    s.close()
    fate(c)
    c.close()
    return fates


def zero_window(port: int) -> Fates:
    c, s = connected(port, buffer=65536)
    c.settimeout(0.5)
    sent = 0
    try:
        while sent < 4_000_000:
            sent += c.send(b"z" * 16384)
    except TimeoutError:
        pass
    got = 0
    c.shutdown(socket.SHUT_WR)
    s.settimeout(2)
    while chunk := s.recv(1 << 20):
        got += len(chunk)
    s.close()
    fates = {"client": fate(c), "whole": str(got == sent)}
    c.close()
    return fates


def abort_after_fin(port: int) -> Fates:
    """The server's full close, then the client still sends: what a freed state answers."""
    c, s = connected(port)
    s.close()
    fates = {"before": fate(c)}
    c.sendall(b"x" * 50)
    time.sleep(0.03)
    fates["client"] = "reset" if c.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) else "nothing"
    c.close()
    return fates


# scenario, experienced, ended, first_fin, reset_by, ending
NONE = 255
SCENARIOS = [
    (client_first, {"server": "eof", "client": "eof"}, Ended.CLOSED, 0, NONE),
    (server_first, {"client": "eof", "server": "eof"}, Ended.CLOSED, 1, NONE),
    (half_close, {"data": "data", "client": "eof"}, Ended.CLOSED, 0, NONE),
    (linger_zero, {"server": "reset"}, Ended.RESET, NONE, 0),
    (unread, {"server": "reset"}, Ended.RESET, NONE, 0),
    (fin_then_reset, {}, Ended.RESET, 0, 0),
    (data_after_close, {"before": "eof", "server": "reset"}, Ended.RESET, 0, 0),
    (refused, {"client": "refused"}, Ended.REFUSED, NONE, 1),
    (unanswered, {"client": "nothing"}, Ended.UNANSWERED, NONE, NONE),
    (killed, {"server": "eof"}, Ended.CLOSED, 0, NONE),
    (forged(0), {"server": "reset"}, Ended.RESET, 0, 0),
    (forged(100), {"server": "nothing", "after": "data"}, Ended.CLOSED, 0, NONE),
    (forged(-100), {"server": "nothing", "after": "data"}, Ended.CLOSED, 0, NONE),
    (forged(1 << 29), {"server": "nothing", "after": "data"}, Ended.CLOSED, 0, NONE),
    (forged_syn, {"server": "nothing", "after": "data"}, Ended.CLOSED, 0, NONE),
    (reused, {"client": "eof"}, Ended.CLOSED, 0, NONE),
    (keep_alive, {"server": "eof"}, Ended.CLOSED, 0, NONE),
    (zero_window, {"client": "eof", "whole": "True"}, Ended.CLOSED, 0, NONE),
    (abort_after_fin, {"before": "eof", "client": "reset"}, Ended.RESET, 1, 1),
]  # fmt: skip
PORT = 7000
NAMES = ["forged exact", "forged in window", "forged below", "forged far"]


def name_of(number: int) -> str:
    name = SCENARIOS[number][0].__name__
    return NAMES[number - 10] if name == "scenario" else name


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Fates], np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Run every scenario; what was experienced, and the observations."""
    path = tmp_path_factory.mktemp("netns") / "lab.pcap"
    fates = []
    with namespaces(), captured(path):
        for number, (scenario, *_) in enumerate(SCENARIOS):
            fates.append(scenario(PORT + number))
    source = Source(0, str(path), Points(), "lab")
    one = tracker()
    with path.open("rb") as stream:
        for batch in pcap.read(stream, source, Reading(UTC)):
            one.feed(batch)
    found = one.finish()
    return fates, found.rows, found.tail


@pytest.mark.parametrize("number", range(len(SCENARIOS)), ids=name_of)
def test_verdict_is_what_the_sockets_experienced(
    number: int,
    lab: tuple[list[Fates], np.ndarray, np.ndarray],  # type: ignore[type-arg]
) -> None:
    fates, rows, _ = lab
    _, experienced, ended, first_fin, reset_by = SCENARIOS[number]
    assert fates[number] == experienced, "this kernel behaves otherwise than expected"
    row = rows[rows["resp_p"] == PORT + number][-1]
    word = endings.text(row["ending"])
    assert Ended(int(row["ended"])) == ended, word
    assert (row["first_fin"], row["reset_by"]) == (first_fin, reset_by), word


def at(rows: np.ndarray, scenario: Callable[[int], Fates] | int) -> np.ndarray:  # type: ignore[type-arg]
    number = (
        scenario
        if isinstance(scenario, int)
        else next(i for i, case in enumerate(SCENARIOS) if case[0] is scenario)
    )
    return rows[rows["resp_p"] == PORT + number]  # type: ignore[no-any-return]


def test_details(lab: tuple[list[Fates], np.ndarray, np.ndarray]) -> None:  # type: ignore[type-arg]
    _, rows, _ = lab
    assert at(rows, half_close)["after_fin"][0].tolist() == [0, 1000]
    assert at(rows, keep_alive)["keep_alives"][0][0] >= 1
    assert at(rows, zero_window)["probes"][0][0] >= 1
    assert at(rows, zero_window)["zero_windows"][0][1] >= 1
    assert at(rows, data_after_close)["rst_class"][0][0] == RstClass.DATA_AFTER_CLOSE
    assert at(rows, abort_after_fin)["rst_class"][0][1] == RstClass.DATA_AFTER_CLOSE
    assert at(rows, refused)["rst_answers"][0][1] == Answers.SYN
    assert at(rows, unread)["rst_class"][0][0] == RstClass.ABORT
    assert at(rows, fin_then_reset)["rst_class"][0][0] == RstClass.ABORT
    assert len(at(rows, reused)) == 2
    assert at(rows, reused)["ended"].tolist() == [Ended.CLOSED, Ended.CLOSED]
    assert len(at(rows, forged_syn)) == 1
    assert at(rows, forged_syn)["challenge"][0][1] >= 1


def test_forged_resets(lab: tuple[list[Fates], np.ndarray, np.ndarray]) -> None:  # type: ignore[type-arg]
    _, rows, _ = lab
    accepts = [Accept(int(at(rows, 10 + n)["rst_accept"][0][0])) for n in range(4)]
    assert accepts == [Accept.EXACT, Accept.IN_WINDOW, Accept.OUTSIDE, Accept.OUTSIDE]
    assert at(rows, 11)["challenge"][0][1] == 1
    assert at(rows, 12)["challenge"][0][1] == 0
    assert all(row["out_of_window"][0] == 1 for n in (12, 13) for row in at(rows, n))


def test_nothing_on_the_way_is_called_lost(
    lab: tuple[list[Fates], np.ndarray, np.ndarray],  # type: ignore[type-arg]
) -> None:
    """On a virtual cable nothing is reordered or retransmitted, SYNs without answer excepted."""
    _, rows, _ = lab
    quiet = rows[(rows["ended"] != Ended.UNANSWERED) & (rows["probes"].sum(axis=1) == 0)]
    assert quiet["rexmit_pkts"].sum() == 0
    assert all(b"g" not in bytes(row["history"]).lower() for row in rows)
