"""Predictions of `finis whatif` held against what a longer timer really does.

    sudo python -m finis.lab.trial          every trial, as the table of docs/whatif.md

The same traffic is played twice, through a firewall with a short timer and with a longer one.
From the log of the first run `whatif` predicts which connections' denials vanish and how many
entries the table holds; the log of the second run, and its table sampled while it runs, tell.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from finis.errors import UsageError
from finis.lab.admission import Policy
from finis.lab.forwarder import Forwarder
from finis.lab.kinds import KINDS
from finis.lab.network import Network
from finis.lab.packet import ACK, RST
from finis.lab.scenario import Lab, abort, ask, fate, numbers
from finis.lab.spaces import enclose, why_not

PORT = 443
FIRST = 42000  # source port of the first connection
SAMPLED_S = 0.05
BLUR_S = 0.15  # nearer to a timer than this nothing is expected of a connection
PACE_S = 0.1  # between two connections that end
LONGEST_S = 60


@dataclass(frozen=True)
class Trial:
    """One timer, short and long.  `traffic`: late, idle or half-closed; `waits`: for how many
    seconds each connection is silent before a segment comes, the setting's own time included."""

    name: str
    kind: str
    traffic: str
    setting: str  # as `whatif` calls it
    option: str
    short: dict[str, Any]
    long: dict[str, Any]
    today_s: float
    value_s: float | None  # None: a switch
    waits: tuple[float, ...]


LATE = (0.25, 0.4, 0.8, 1.3, 1.7, 2.4, 3.2, 4.5)
TRIALS = {
    trial.name: trial
    for trial in (
        Trial("linger", "asa", "late", "linger", "linger", {"linger": 0.0}, {"linger": 2.0},
              0.0, 2.0, LATE),
        Trial("linger, whole seconds", "asa", "late", "linger", "linger",
              {"linger": 0.0, "exact": False}, {"linger": 2.0, "exact": False}, 0.0, 2.0, LATE),
        Trial("linger, many", "asa", "late", "linger", "linger", {"linger": 0.0}, {"linger": 1.0},
              0.0, 1.0, (0.3, 0.7, 1.3, 1.8) * 5),
        Trial("half-closed", "asa", "half-closed", "half-closed", "half-closed",
              {"half_closed": 1.0}, {"half_closed": 3.0}, 1.0, 3.0,
              (0.5, 1.5, 2.2, 2.6, 3.6, 4.5)),
        Trial("dcd", "asa", "idle", "dcd", "", {"idle": 1.5}, {"idle": 1.5, "dead_peers": 0.5},
              1.5, None, (0.7, 2.2, 3.0, 3.5)),
        Trial("idle-reset", "asa", "idle", "idle-reset", "", {"idle": 1.5},
              {"idle": 1.5, "idle_reset": True}, 1.5, None, (0.7, 2.2, 3.0, 3.5)),
        Trial("timewait", "asa", "late", "timewait", "", {"timewait": 0.0}, {"timewait": 15.0},
              0.0, None, (0.4, 5.0, 13.0, 17.0)),
        Trial("idle", "asa", "idle", "idle", "idle",
              {"idle": 1.5}, {"idle": 4.0}, 1.5, 4.0, (0.7, 2.2, 3.0, 3.5, 4.6, 5.5)),
        Trial("time-wait", "netfilter", "late", "time-wait", "linger",
              {"time_wait": 1}, {"time_wait": 3}, 1.0, 3.0, LATE),
        Trial("close", "netfilter", "late", "close", "linger",
              {"close": 1}, {"close": 3}, 1.0, 3.0, LATE),
        Trial("close-wait", "netfilter", "half-closed", "half-closed", "half-closed",
              {"half_closed": 1.0}, {"half_closed": 3.0}, 1.0, 3.0, (0.5, 1.5, 2.2, 2.6, 3.6, 4.5)),
        Trial("established", "netfilter", "idle", "established", "idle",
              {"idle": 1.0}, {"idle": 4.0}, 1.0, 4.0, (0.5, 2.2, 3.0, 3.5, 4.6, 5.5)),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Result:
    """How a trial came out, in connections (by source port)."""

    trial: Trial
    denied: frozenset[int]  # with the short timer
    sure: frozenset[int]  # predicted to vanish, whatever the stamps hide
    possible: frozenset[int]  # predicted to vanish if the stamps are taken at the other extreme
    left: frozenset[int]  # denied with the long timer
    disturbed: int  # connections left out: a busy machine played them otherwise the second time
    peak_predicted: int
    peak_sampled: int

    @property
    def vanished(self) -> frozenset[int]:
        return self.denied - self.left

    @property
    def wrong(self) -> frozenset[int]:
        """Connections that contradict the prediction."""
        return (self.sure - self.vanished) | (self.vanished - self.possible)


# --- traffic -------------------------------------------------------------------------------------


def late(lab: Lab, waits: tuple[float, ...]) -> dict[int, float]:
    """Every PACE_S one connection ends, half of them by FINs, then half by a RST; so long after,
    one more segment of the server comes for each."""
    start, due, listener = time.monotonic(), Due(), lab.listen(PORT)
    for number, wait in enumerate(waits * 2):
        due.play(until=start + number * PACE_S)
        client, server = connected(lab, listener, FIRST + number)
        there, here = client.getsockname(), server.getsockname()
        sent, got = numbers(server)
        if number < len(waits):
            client.close()
            flags, seq, ack = ACK, sent + 1, got + 1
        else:
            abort(client)
            flags, seq, ack = RST, sent, 0
        fate(server)
        server.close()
        late_one = partial(lab.raw, flags, seq, ack, here[:2], there[:2])
        due.add(FIRST + number, wait, late_one)
    due.play()
    time.sleep(0.2)
    return due.waited


def silent(lab: Lab, waits: tuple[float, ...], half_closed: bool) -> dict[int, float]:
    """Connections are silent for so long, half-closed by the client or not; then the server
    sends."""
    due, listener = Due(), lab.listen(PORT)
    for number, wait in enumerate(waits):
        client, server = connected(lab, listener, FIRST + number)
        if half_closed:
            client.shutdown(1)
            fate(server)
        due.add(FIRST + number, wait, partial(_speak, server))
    due.play()
    time.sleep(1.0)  # it is sent again, 200 ms, 400 ms … later
    return due.waited


def _speak(server: socket.socket) -> None:
    with suppress(ConnectionResetError):  # told by the firewall that the connection is gone
        server.sendall(b"later")


def connected(lab: Lab, listener: socket.socket, port: int) -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection from `port`; a request was answered."""
    client = lab.client(port)
    client.connect((lab.address, PORT))
    server, _ = listener.accept()
    lab.held.append(server)
    ask(client, server)
    return client, server


class Due:
    """What is to be done at its time."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, float, int, Callable[[], None]]] = []
        self.waited: dict[int, float] = {}  # by source port: how long it really was

    def add(self, port: int, wait: float, act: Callable[[], None]) -> None:
        """Do it for the connection from `port`, `wait` seconds from now."""
        now = time.monotonic()
        self.waiting.append((now + wait, now, port, act))
        self.waiting.sort(key=lambda one: one[0])

    def play(self, until: float | None = None) -> None:
        """Do it, up to this time; else all."""
        while self.waiting and (until is None or self.waiting[0][0] < until):
            when, since, port, act = self.waiting.pop(0)
            time.sleep(max(0.0, when - time.monotonic()))
            act()
            self.waited[port] = time.monotonic() - since
        if until is not None:
            time.sleep(max(0.0, until - time.monotonic()))


TRAFFIC: dict[str, Callable[[Lab, tuple[float, ...]], dict[int, float]]] = {
    "late": late,
    "idle": lambda lab, waits: silent(lab, waits, False),
    "half-closed": lambda lab, waits: silent(lab, waits, True),
}


# --- one run, in a process of its own ------------------------------------------------------------


def play(trial: Trial, which: str, folder: Path) -> None:
    """Play the traffic; leaves the log, and ``played``: most entries, seconds waited by port."""
    folder.mkdir(parents=True)
    policy = replace(Policy(exact=True), **(trial.short if which == "short" else trial.long))
    network = Network(folder, KINDS[trial.kind], policy)
    sampler = Sampler(network)
    try:
        lab = Lab(network)  # its sockets stay open until the log is complete
        log = folder / "conntrack.txt"
        for _ in range(50 if log.exists() else 0):  # until its events are listened to
            if log.stat().st_size:
                break
            lab.background()
        waited = TRAFFIC[trial.traffic](lab, trial.waits)
    finally:
        peak = sampler.stop()
        network.close()
    (folder / "played").write_text(json.dumps({"peak": peak, "waited": waited}))


class Sampler(threading.Thread):
    """Looks at the firewall's table every SAMPLED_S."""

    def __init__(self, network: Network) -> None:
        super().__init__(daemon=True)
        self.device, self.peak = network.device, 0
        self._done = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._done.wait(SAMPLED_S):
            self.peak = max(self.peak, self.entries())

    def entries(self) -> int:
        if isinstance(self.device, Forwarder):
            return self.device.entries()
        # Listing evicts what has expired; counting (-C) would not.
        return self.device.space.run("conntrack", "-L", "-p", "tcp").count("tcp ")

    def stop(self) -> int:
        self._done.set()
        self.join()
        return self.peak


# --- prediction and outcome ----------------------------------------------------------------------


def run(trial: Trial, folder: Path) -> Result:
    """Play both runs, predict from the first, compare with the second.  Raises UsageError where
    the lab cannot run."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda which: _child(trial, which, folder / which), ("short", "long")))
    played = [json.loads((folder / which / "played").read_text()) for which in ("short", "long")]
    waits = [one["waited"] for one in played]
    same = {int(port) for port in waits[0] if _alike(trial, *(one[port] for one in waits))}
    sure, possible, peak = predicted(trial, folder / "short")
    return Result(
        trial, _denied(folder / "short") & same, sure & same, possible & same,
        _denied(folder / "long") & same, len(waits[0]) - len(same), peak, played[1]["peak"],
    )  # fmt: skip


def _alike(trial: Trial, one: float, two: float) -> bool:
    """Was the same traffic played twice, as far as the timers can tell?"""
    limits = (trial.today_s, trial.today_s if trial.value_s is None else trial.value_s)
    return (
        all((one < limit) == (two < limit) for limit in limits)
        and min(abs(wait - limit) for wait in (one, two) for limit in limits) > BLUR_S
    )


def _child(trial: Trial, which: str, folder: Path) -> None:
    command = [sys.executable, "-m", "finis.lab.trial", trial.name, which, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S)
    if done.returncode:
        raise UsageError(f"lab: {trial.name}, {which}: {done.stderr.strip()[-300:]}")


def _logs(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.iterdir()) if path.suffix in (".log", ".txt")]


def _denied(folder: Path) -> frozenset[int]:
    from finis.pipeline import read

    denials = read(_logs(folder)).denials
    ports = denials["src_p"].to_list() + denials["dst_p"].to_list()
    return frozenset(port for port in ports if port is not None and port >= FIRST)


def predicted(trial: Trial, folder: Path) -> tuple[frozenset[int], frozenset[int], int]:
    """(surely gone, possibly gone, most entries) from the log of the run with the short timer."""
    from finis.diagnosis.settings import NAMES
    from finis.pipeline import Options, read

    asked = {} if trial.value_s is None else {trial.option: trial.value_s}
    today = {trial.setting: trial.today_s} if trial.setting in NAMES else {}
    sure, possible, peak = set(), set(), 0
    for port in (0, *range(FIRST, FIRST + 2 * len(trial.waits))):
        options = Options(ports=(port,) if port else ())
        for device in read(_logs(folder), options).whatif(asked, today):
            outcome = device.outcome(trial.setting)
            row = outcome.asked or outcome.steps.row(0, named=True)
            if not port:
                peak = max(peak, row["peak_then"])
            elif row["at_least"] and row["at_least"] == row["denials"]:
                sure.add(port)
            if port and row["at_most"] and row["at_most"] == row["denials"]:
                possible.add(port)
    return frozenset(sure), frozenset(possible), peak


def table(results: list[Result]) -> str:
    """Results as the Markdown table of docs/whatif.md."""
    lines = [
        "| trial | firewall | timer | denied before | predicted to vanish | vanished |"
        " contradictions | left out | most entries: predicted | sampled |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        trial = one.trial
        then = "on" if trial.value_s is None else f"{trial.value_s:g} s"
        low, high = len(one.sure), len(one.possible)
        span = str(low) if low == high else f"{low}–{high}"
        lines.append(
            f"| {trial.name} | {trial.kind} | {trial.today_s:g} s → {then} |"
            f" {len(one.denied)} | {span} | {len(one.vanished)} | {len(one.wrong)} |"
            f" {one.disturbed} | {one.peak_predicted} | {one.peak_sampled} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> int:
    if arguments:  # one run, started by `_child`
        status = enclose()
        if status is None:
            name, which, folder = arguments
            play(TRIALS[name], which, Path(folder))
        return status or 0
    reason = why_not()
    if reason:
        raise UsageError(reason)
    with tempfile.TemporaryDirectory(prefix="finis-trial-") as place, ThreadPoolExecutor(4) as pool:
        tried = list(TRIALS.values())
        folders = [Path(place, str(number)) for number in range(len(tried))]
        results = list(pool.map(run, tried, folders))
    sys.stdout.write(table(results))
    for one in results:
        if one.wrong:
            sys.stdout.write(json.dumps({**asdict(one.trial), "wrong": sorted(one.wrong)}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
