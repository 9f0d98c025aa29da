"""Plays one cell of the experiment on close_notify: a program in a situation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from finis.lab import witness
from finis.lab.resets import Sent, Watch, counters
from finis.lab.scenario import BACKGROUND_PORT, DEPENDS, HARMFUL, HARMLESS, Lab, Truth
from finis.lab.scenarios import _web
from finis.lab.scenarios._clients import KEYS, LOADED_S, PROGRAMS, Task

TIMES = "FINIS_LAB_TIMES"  # connections per cell, server and version
WAY_S = 0.002  # one way, where the firewall can hold packets back
LONGEST_S = 40.0
SITUATIONS = {
    "client-first": "the client has its response and leaves",
    "server-expires": "the server closes after 1 s, the client at 2.5 s or when it notices",
    "server-expires-read": "the same, and the client reads to the end before it leaves",
    "connection-close": "the server closes after the response (Connection: close)",
    "no-request": "the client leaves after the handshake, as health checks do",
    "write-only": "the client writes half a request, reads nothing and leaves",
    "abandoned": "the client leaves in the middle of a long response",
    "half-close": "the client says close_notify after its request and reads on",
    "refused-body": "the server refuses a request (413) whose body is still coming",
    "refused-body-hard": "the same, nginx with lingering_close off",
    "killed": "the client is killed while its connection is idle",
}


KERNEL = "kernel.json"  # what the kernels said of a run


def play(lab: Lab, program: str, situation: str) -> None:
    """Everything a cell does; leaves what the kernels said in ``kernel.json``."""
    expires = 1 if situation.startswith("server-expires") else 30
    more = "lingering_close off;" if situation == "refused-body-hard" else ""
    _web.start(lab, expires, more)
    if lab.network.kind.chain != ("netfilter",):
        lab.path.delay_s = WAY_S
    times = int(os.environ.get(TIMES, "2"))
    client = PROGRAMS[program]
    ports = tuple(
        port for (server, _), port in _web.PORTS.items()
        if situation != "refused-body-hard" or server == "nginx"
    )  # fmt: skip
    task = Task(situation, lab.address, ports, times)
    spaces = {"client": lab.network.client, "server": lab.network.server}
    before = {name: counters(space) for name, space in spaces.items()}
    watch = Watch()
    told = _run(lab, client.commands(task), client.lives_s, killed=situation == "killed")
    time.sleep(1.5 if situation in ("no-request", "half-close") else 0.5)
    sent = watch.sent()
    after = {name: counters(space) for name, space in spaces.items()}
    counted = {
        name: {one: after[name][one] - before[name][one] for one in after[name]} for name in spaces
    }
    facts = {
        "program": program,
        "situation": situation,
        "watched": watch.available,
        "counters": counted,
        "resets": [one.as_dict() for one in sent],
        "told": told,
    }
    watch.close()
    (lab.network.folder / KERNEL).write_text(json.dumps(facts, indent=1) + "\n")


def _run(lab: Lab, commands: list[list[str]], lives_s: float, *, killed: bool) -> dict[str, str]:
    """Start all, wait for all; what they said, by the client's port."""
    work = lab.work
    (work / "body").write_bytes(b"b" * 400_000)
    keys = {**os.environ, "SSLKEYLOGFILE": str(work / KEYS), "HOME": str(work)}
    running = []
    with (work / "clients.txt").open("wb") as out:
        for command in commands:
            running.append(
                lab.network.start(
                    lab.network.client, *command, stdin=subprocess.PIPE, stdout=out,
                    stderr=subprocess.STDOUT, cwd=work, env=keys, start_new_session=True,
                )
            )  # fmt: skip
            time.sleep(0.03)
        if killed:
            time.sleep(max(LOADED_S, lives_s / 2))
            for one in running:
                os.killpg(one.pid, 9)
        elif lives_s:
            time.sleep(lives_s)
            for one in running:
                one.terminate()
        deadline = time.monotonic() + LONGEST_S
        for one in running:
            try:
                one.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(one.pid, 9)
    for name in (KEYS, "clients.txt"):
        if (work / name).exists():
            shutil.copy(work / name, lab.network.folder / name)
    lines = (work / "clients.txt").read_text(errors="replace").splitlines()
    pairs = (line.partition(" ") for line in lines)
    return {port: text for port, _, text in pairs if port.isdigit()}


# --- what is true of a connection ----------------------------------------------------------------


def truths(folder: Path) -> tuple[Truth, ...]:
    """What really happened in a cell: a truth for every connection of it."""
    situation = json.loads((folder / KERNEL).read_text())["situation"]
    told = json.loads((folder / KERNEL).read_text())["told"]
    return tuple(
        truth(one, situation, told.get(str(one.client_port), "")) for one in witnessed(folder)
    )


def witnessed(folder: Path) -> list[witness.Connection]:
    """The connections of a cell, as the hosts and their kernels saw them."""
    sent = [
        Sent(one["ts"], tuple(one["src"]), tuple(one["dst"]), one["reason"])
        for one in json.loads((folder / KERNEL).read_text())["resets"]
    ]
    return [
        one for one in witness.connections(folder, sent) if one.server_port != BACKGROUND_PORT
    ]  # fmt: skip


SIDE = {"client": "orig", "server": "resp", "none": "none"}
LOG = ("closed-per-log", "reset-per-log")
UNHURT = ("client-first", "server-expires", "server-expires-read", "connection-close",
          "no-request", "killed")  # fmt: skip
ANSWER_S = 0.05  # RSTs of both sides this close together may have crossed
CROSSING_S = 0.5  # data on its way, or throttled, when the other side closes


def truth(one: witness.Connection, situation: str, told: str = "") -> Truth:
    """What is true of a connection, from what its hosts and kernels did; `told`: by its client."""
    first = min((one.half(side).fin or 9e9, side) for side in SIDE if side != "none")
    resets = sorted(one.half(side).resets[0][0] for side in witness.OTHER if one.half(side).resets)
    crossed = len(resets) == 2 and resets[1] - resets[0] < ANSWER_S
    stalled = ("zero-window",) if situation == "abandoned" else ()  # it stopped reading before
    return Truth(
        (*_causes(one), *stalled),
        # The firewall may forget the connection at a RST that the other host does not take, and
        # refuse what still comes.
        (
            *LOG,
            "rst-after-close",
            "cut-off-by-firewall",
            "rst-dropped-by-firewall",
            # Of several RSTs one may be missing where evidence is.
            *(("host-without-state",) if _answered(one) else ()),
            # The firewall forgets a connection at the ACK of the later FIN: the ACK of the other
            # does not pass, as in `simultaneous`.
            *(("final-ack-unseen",) if one.crossed else ()),
        ),
        _harm(one, situation, told),
        first_fin=None if one.crossed or first[0] > 8e9 else SIDE[first[1]],
        first_rst=None if crossed else SIDE[one.first_reset],
        port=one.server_port,
        source=one.client_port,
    )


def _harm(one: witness.Connection, situation: str, told: str) -> str:
    """Whether the client missed anything it had asked for."""
    if situation in UNHURT:
        return HARMLESS
    if situation == "half-close":
        if one.first_reset == "none":  # what was not answered only TLS itself could show
            return DEPENDS
        return HARMLESS if told.endswith("whole response 200") else HARMFUL
    if situation.startswith("refused-body"):
        return HARMFUL if told and "whole response" not in told else DEPENDS
    return DEPENDS


def _answered(one: witness.Connection) -> bool:
    """A host without an open socket answered a segment."""
    return any(not ack for side in witness.OTHER for _, ack, _ in one.half(side).resets)


def _causes(one: witness.Connection) -> tuple[str, ...]:
    side = one.first_reset
    if side == "none":
        return _orderly(one)
    second = one.half(witness.OTHER[side]).resets
    causes = _reset(one, side)
    if second and second[0][1]:  # of its own accord too: a RST is not answered with a RST
        causes += _reset(one, witness.OTHER[side])
    return causes


def _reset(one: witness.Connection, side: str) -> tuple[str, ...]:
    mine, peer = one.half(side), one.half(witness.OTHER[side])
    when, has_ack, _ = mine.resets[0]
    closed = mine.fin is not None and mine.fin <= when
    peer_closed = peer.fin is not None and peer.fin <= when
    after = f"{witness.OTHER[side]}-closed-{side}-aborted"
    if has_ack:  # sent by a socket of its own accord; an answer carries none
        if not closed:
            return (f"{side}-aborted", after)
        # At the peer the FIN may have come, and been acknowledged, before the RST.
        return (
            "fin-then-rst-unread-data",
            *((after, *_orderly(one)) if peer_closed else ("closed-then-aborted",)),
        )
    if mine.fin is None or not closed:
        return ("half-open-probe",) if peer.last_data is None else ("host-without-state",)
    done = peer_closed and not one.crossed
    data = peer.last_data is not None and peer.last_data >= mine.fin - CROSSING_S
    return (
        "data-after-close" if data else "host-without-state",
        *(_orderly(one) if done or not data else ()),
    )


def _orderly(one: witness.Connection) -> tuple[str, ...]:
    first = f"{one.first}-closed-first"
    causes = ["closed-simultaneously", first] if one.crossed else [first]
    if one.first != "none":
        mine, peer = one.half(one.first), one.half(witness.OTHER[one.first])
        if mine.fin and peer.last_data and peer.last_data > mine.fin:
            causes.append("half-close-used")
    return tuple(causes)
