"""The table of the experiment on close_notify: what happened, how often, and what finis says of it.

One row per program, situation, server, TLS version and firewall, and per course that its
connections took; the counters of the kernels stand below, against the RSTs that were captured.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from finis.errors import InputError
from finis.lab import witness
from finis.lab.kinds import OUTSIDE
from finis.lab.scenarios import _matrix, _web

COLUMNS = (
    "program", "situation", "server", "TLS", "firewall", "times", "first", "client's notify",
    "server's notify", "RST", "finis", "sure", "harm", "106015",
)  # fmt: skip
SERVERS = {port: named for named, port in _web.PORTS.items()}
DENIED = re.compile(r"106015: .* from ([\d.]+)/(\d+) to [\d.]+/(\d+) flags (.+?)  on interface")
WORDS = {
    "TCP_ABORT_ON_CLOSE": "unread at close", "TCP_ABORT_ON_DATA": "data after close",
    "TCP_TIMEWAIT_SOCKET": "data in TIME-WAIT", "NO_SOCKET": "no socket",
    "TCP_FLAGS": "closed socket",
}  # fmt: skip


@dataclass
class Tally:
    """RSTs of all runs by kernel reason, and what the counters of the namespaces say."""

    captured: Counter[str]
    counted: Counter[str]
    unexplained: int = 0


def rows(folder: Path) -> tuple[list[tuple[str, ...]], Tally]:
    """The table of all runs of the series in `folder`.  Raises InputError if there is none."""
    places = sorted(place.parent for place in folder.glob(f"*/{_matrix.KERNEL}"))
    if not places:
        raise InputError(str(folder), "no run of close-notify here")
    counts: Counter[tuple[str, ...]] = Counter()
    denied: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    tally = Tally(Counter(), Counter())
    for place in places:
        _count(place, counts, denied, tally)
    found = []
    for key, times in sorted(counts.items()):
        some = denied[key]
        refused = ", ".join(f"{flags} ×{some[flags]}" for flags in sorted(some)) or "–"
        found.append((*key[:5], str(times), *key[5:], refused))
    return found, tally


def _count(
    place: Path,
    counts: Counter[tuple[str, ...]],
    denied: defaultdict[tuple[str, ...], Counter[str]],
    tally: Tally,
) -> None:
    from finis.pipeline import read

    kernel = json.loads((place / _matrix.KERNEL).read_text())
    firewall = json.loads((place / "truth.json").read_text())["firewall"]
    for side in kernel["counters"]:
        for name, value in kernel["counters"][side].items():
            tally.counted[name] += value
    logs = sorted(place.glob("asa*.log"))
    case = read([str(path) for path in (*logs, *sorted(place.glob("*.pcap")))])
    said = {(row["orig_p"], row["resp_p"]): row for row in case.connections.to_dicts()}
    refusals: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for address, src, dst, flags in DENIED.findall("\n".join(log.read_text() for log in logs)):
        from_client = address == OUTSIDE[0]
        ports = (int(src), int(dst)) if from_client else (int(dst), int(src))
        refusals[ports][f"{'c' if from_client else 's'} {flags}"] += 1
    for one in _matrix.witnessed(place):
        ports = (one.client_port, one.server_port)
        row = said.get(ports, {})
        key = (
            kernel["program"], kernel["situation"], *SERVERS[one.server_port], firewall,
            "both" if one.crossed else one.first, one.fate("client"), one.fate("server"),
            _reset(one), *(str(row.get(name)) for name in ("cause_name", "confidence", "harm")),
        )  # fmt: skip
        counts[key] += 1
        denied[key].update(refusals[ports])
        for side in witness.OTHER:
            for _, _, reason in one.half(side).resets:
                tally.captured[reason or "?"] += 1


def _reset(one: witness.Connection) -> str:
    """Who sent RSTs first and why: ``client: unread at close``."""
    sides = sorted((sent[0][0], side) for side in witness.OTHER if (sent := one.half(side).resets))
    words = [
        f"{side}: {WORDS.get(one.half(side).reason, one.half(side).reason or '?')}"
        for _, side in sides
    ]
    return ", then ".join(words) or "–"


def text(folder: Path) -> list[str]:
    """The table as lines, columns apart by two spaces."""
    found, tally = rows(folder)
    table = [COLUMNS, *found]
    widths = [max(len(row[at]) for row in table) for at in range(len(COLUMNS))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    return [
        *lines,
        "",
        "RSTs captured, by the kernel's reason: " + _listed(tally.captured),
        "counters of the kernels: " + _listed(tally.counted),
    ]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(counts.items()) if value) or "none"
