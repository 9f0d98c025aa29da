"""Holds verdicts against what was really done, with all the evidence and with less of it.

A verdict is *right* if it names a true cause, *vague* if it is true but says less than could be
known (with less evidence that is right), *open* if it says that it cannot tell, *wrong* otherwise.
Wrong and certain must never happen, nor harm called harmless.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from finis.errors import InputError
from finis.lab import trim
from finis.lab.packet import RST, SYN
from finis.terms import Confidence, Harm, word

HARMLESS, HARMFUL = word(Harm.HARMLESS), word(Harm.HARMFUL)
CERTAIN = word(Confidence.CERTAIN)
# What may be said where evidence is missing, whatever happened: no claim about how it ended, and
# so none that the end was harmless.
OPEN = {
    "undetermined", "start-not-seen", "capture-ended", "still-open", "history-unknown",
    "denial-undetermined", "one-direction-only", "reset-unexplained",
}  # fmt: skip
FULL, LOSSY = "full", "every 10th lost"
CLOSED_SOMEHOW = {"final-ack-unseen", "fin-missed"}
ORDERLY = {"client-closed-first", "server-closed-first", "closed-simultaneously"}
# What would tell more is missing: that the capture missed a FIN may be all there is to say.
LACKING = (
    LOSSY, "bursts lost", "stopped early", "inside stops", "outside stops", "stops in midst",
    "SYN FIN RST", "one direction",
)  # fmt: skip
# Or the bytes that tell.
NO_PAYLOAD = ("log", "started late", "54 bytes", "lines lost", "lines swapped", *LACKING)
MANY = 200  # readings from which on more processes pay
Make = Callable[[Path, Path], list[Path]]  # folder of the run, folder for copies → what to read


@dataclass(frozen=True)
class Verdict:
    """What was said of one connection or denial, and how it stands to the truth."""

    run: str
    evidence: str
    about: str  # connection, denial, beside, pattern
    truth: tuple[str, ...]
    said: str
    confidence: str
    harm: str
    mark: str  # right, vague, open, wrong
    faults: tuple[str, ...] = ()  # wrong-and-certain, harmful-called-harmless, …


@dataclass
class Scores:
    """All verdicts over one folder of runs."""

    verdicts: list[Verdict] = field(default_factory=list)
    unread: list[tuple[str, str, str]] = field(default_factory=list)  # run, evidence, why

    def add(self, more: Scores) -> None:
        """Another run's verdicts."""
        self.verdicts += more.verdicts
        self.unread += more.unread

    @property
    def forbidden(self) -> list[Verdict]:
        """Verdicts that must not happen."""
        return [one for one in self.verdicts if set(one.faults) & set(FORBIDDEN)]


MARKS = {"right": " ", "vague": "~", "open": "?", "wrong": "!"}
FORBIDDEN = ("wrong-and-certain", "harmful-called-harmless")


def runs(folder: Path) -> list[Path]:
    """The runs in a folder, or the folder itself if it is one."""
    if (folder / "truth.json").exists():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/truth.json"))
    if not found:
        raise InputError(str(folder), "no run of the lab here (no truth.json)")
    return found


def score(folder: Path, evidence: tuple[str, ...] = (), jobs: int | None = None) -> Scores:
    """Judge every run in `folder`, `jobs` at once; `evidence`: some of `EVIDENCE`, default all.

    Raises InputError if there is no run.
    """
    scores = Scores()
    places, kinds = runs(folder), [evidence or tuple(EVIDENCE)]
    if jobs == 1 or len(places) * len(kinds[0]) < MANY:
        for some in map(_judge_run, places, kinds * len(places)):
            scores.add(some)
        return scores
    # Not forked: the parent may already run threads of Polars.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for some in pool.map(_judge_run, places, kinds * len(places)):
            scores.add(some)
    return scores


def _judge_run(place: Path, evidence: tuple[str, ...]) -> Scores:
    scores = Scores()
    for name in evidence:
        _judge(place, name, scores)
    return scores


def _judge(place: Path, evidence: str, scores: Scores) -> None:
    from finis.pipeline import read

    truth = json.loads((place / "truth.json").read_text())
    with tempfile.TemporaryDirectory(prefix="finis-score-") as spare:
        paths = EVIDENCE[evidence](place, Path(spare))
        if not paths:
            return
        try:
            case = read([str(path) for path in paths])
        except InputError as error:
            scores.unread.append((place.name, evidence, error.reason))
            return
        scores.verdicts += _connections(place.name, evidence, truth, case)
        scores.verdicts += _denials(place.name, evidence, truth, case)
        if evidence == FULL:
            scores.verdicts += _beside(place.name, truth, case)
            scores.verdicts += _patterns(place.name, truth, case)


def _connections(run: str, evidence: str, truth: dict[str, Any], case: Any) -> list[Verdict]:
    rows = case.connections.sort("first_ts").to_dicts()
    found = []
    for row in rows:
        row["names"] = _names(row["contributing"])
        true = _truth_of(row, truth["truths"])
        if true is None:
            continue
        mark = _mark(row, true, evidence)
        unseen = row["cause_name"] in OPEN or (true["in_payload"] and evidence in NO_PAYLOAD)
        faults = list(_faults(row, {**true, "harm": ""} if unseen else true, mark))
        if evidence == FULL:
            faults += [
                f"{name} {row[name]}, is {true[name]}"
                for name in ("ended", "first_fin", "first_rst")
                if true[name] is not None and row[name] != true[name]
            ]
        found.append(
            Verdict(run, evidence, "connection", tuple(true["causes"]), row["cause_name"],
                    row["confidence"], row["harm"], mark, tuple(faults))
        )  # fmt: skip
    expected = truth["connections"]
    if evidence == FULL and expected is not None and len(rows) != expected:
        fault = f"{len(rows)} connections, were {expected}"
        found.append(Verdict(run, evidence, "connection", (), "", "", "", "wrong", (fault,)))
    return found


def _truth_of(row: dict[str, Any], truths: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The truth of this connection, the most particular one that speaks of it."""
    ports = (("port", "resp_p"), ("source", "orig_p"))
    fitting = [
        one for one in truths if all(one[name] in (None, row[column]) for name, column in ports)
    ]
    told = [sum(one[name] is not None for name, _ in ports) for one in fitting]
    return fitting[told.index(max(told))] if fitting else None


def _names(ids: str | None) -> set[str]:
    """Names of the causes that also hold."""
    from finis.diagnosis.engine import catalogue

    known = catalogue()
    found = ((ids or "").replace(" ", "")).split(",")
    return {known[one].name for one in found if one in known}


def _mark(row: dict[str, Any], true: dict[str, Any], evidence: str) -> str:
    said, causes = row["cause_name"], set(true["causes"])
    if said in causes:
        return "right"
    if said in CLOSED_SOMEHOW and evidence in LACKING and causes & ORDERLY:
        return "right"  # it says no more than that
    if said in true["less"]:
        return "vague" if not causes & row["names"] and evidence == FULL else "right"
    return "open" if said in OPEN else "wrong"


def _faults(row: dict[str, Any], true: dict[str, Any], mark: str) -> Iterator[str]:
    if mark == "wrong" and row["confidence"] == CERTAIN:
        yield "wrong-and-certain"
    if true["harm"] == HARMFUL and row["harm"] == HARMLESS:
        yield "harmful-called-harmless"
    if true["harm"] == HARMLESS and row["harm"] == HARMFUL:
        yield "harmless-called-harmful"


def _denials(run: str, evidence: str, truth: dict[str, Any], case: Any) -> list[Verdict]:
    true = tuple(truth["denials"])
    found = []
    for row in case.denials.to_dicts():
        said = row["cause_name"]
        mark = "right" if said in true else "open" if said in OPEN else "wrong"
        faults = ("wrong-and-certain",) if mark == "wrong" and row["confidence"] == CERTAIN else ()
        found.append(
            Verdict(run, evidence, "denial", true, said, row["confidence"], row["harm"], mark,
                    faults)
        )  # fmt: skip
    return found


def _beside(run: str, truth: dict[str, Any], case: Any) -> list[Verdict]:
    rows = case.connections.select("cause_name", "contributing").to_dicts()
    told = set().union(*({row["cause_name"], *_names(row["contributing"])} for row in rows))
    return [
        Verdict(run, FULL, "beside", (name,), name if name in told else "(none)", "", "",
                "right" if name in told else "wrong")
        for name in truth.get("beside", ())
    ]  # fmt: skip


def _patterns(run: str, truth: dict[str, Any], case: Any) -> list[Verdict]:
    shown = {pattern.name: pattern for pattern in case.patterns}
    return [
        Verdict(run, FULL, "pattern", (name,), name if name in shown else "(none)", "", "",
                "right" if name in shown else "wrong")
        for name in truth["patterns"]
    ]  # fmt: skip


# --- evidence ------------------------------------------------------------------------------------


NETFILTER_LOGS = ("conntrack.txt", "kern.log")


def _log(place: Path) -> list[Path]:
    logs = (place / name for name in NETFILTER_LOGS)
    return [*sorted(place.glob("asa*.log")), *(log for log in logs if log.exists())]


def _full(place: Path, spare: Path) -> list[Path]:
    return [*_log(place), *sorted(place.glob("*.pcap"))]


def _only(*names: str) -> Make:
    def make(place: Path, spare: Path) -> list[Path]:
        return [place / name for name in names if (place / name).exists()]

    return make


def _changed(change: trim.Change, *names: str, log: bool = False) -> Make:
    def make(place: Path, spare: Path) -> list[Path]:
        for name in names:
            trim.trimmed(place / name, spare / name, change)
        return [*(_log(place) if log else []), *(spare / name for name in names)]

    return make


def _one(change: trim.Change, changed: str, *, log: bool) -> Make:
    """Both captures, and only this one is changed."""

    def make(place: Path, spare: Path) -> list[Path]:
        whole = [place / name for name in BOTH if name != changed]
        return [*whole, *_changed(change, changed, log=log)(place, spare)]

    return make


def _inside(change: trim.Change) -> Make:
    return _one(change, "inside.pcap", log=True)


def _merged(place: Path, spare: Path) -> list[Path]:
    """Both captures as one file."""
    target = spare / "both.pcap"
    trim.merged((place / name for name in BOTH), target)
    return [target]


def _lines(change: Callable[[list[str]], Iterable[str]]) -> Make:
    """The logs alone, their lines changed."""

    def make(place: Path, spare: Path) -> list[Path]:
        found = _only(*LOGS)(place, spare)
        for log in found:
            lines = log.read_text().splitlines(keepends=True)
            (spare / log.name).write_text("".join(change(lines)))
        return [spare / log.name for log in found]

    return make


def _lost_lines(lines: list[str]) -> Iterable[str]:
    """Every tenth was lost on its way, as UDP loses them."""
    return (line for n, line in enumerate(lines) if n % 10 != 6)


def _swapped_lines(lines: list[str]) -> Iterable[str]:
    """Some came in another order, as UDP brings them."""
    rnd = random.Random(3)
    place = {n: n + 2.5 * rnd.random() for n in range(len(lines))}
    return (lines[n] for n in sorted(place, key=place.__getitem__))


BOTH = ("outside.pcap", "inside.pcap")
LOGS = ("asa.log", *NETFILTER_LOGS)
EVIDENCE: dict[str, Make] = {
    FULL: _full,
    "no log": _only(*BOTH),
    "outside": _only("outside.pcap"),
    "inside": _only("inside.pcap"),
    "log": _only(*LOGS),
    "log+outside": _only(*LOGS, "outside.pcap"),
    "log+inside": _only(*LOGS, "inside.pcap"),
    "no handshake": _changed(trim.without(SYN), *BOTH),
    "started late": _changed(trim.between(0.5, 1), *BOTH, log=True),
    "stopped early": _changed(trim.between(0, 0.6), *BOTH, log=True),
    "96 bytes": _changed(trim.short(96), *BOTH, log=True),
    "54 bytes": _changed(trim.short(54), *BOTH, log=True),  # no payload
    LOSSY: _changed(trim.lossy(10), *BOTH),
    "bursts lost": _inside(trim.lossy(23, 4)),
    "inside late": _inside(trim.between(0.45, 1)),
    "inside stops": _inside(trim.first(0.5)),
    "outside stops": _one(trim.first(0.5), "outside.pcap", log=False),
    "stops in midst": _changed(trim.first(0.4), "inside.pcap"),
    "SYN FIN RST": _changed(trim.flags_only, *BOTH, log=True),
    "no RST": _changed(trim.without(RST), *BOTH, log=True),
    "one direction": _changed(trim.one_direction, *BOTH),
    "twice": _changed(trim.twice, *BOTH),
    "merged": _merged,
    "clock ahead": _inside(trim.shifted(3602)),  # by an hour and two seconds
    "lines lost": _lines(_lost_lines),
    "lines swapped": _lines(_swapped_lines),
}


# --- the table -----------------------------------------------------------------------------------


def matrix(scores: Scores) -> list[str]:
    """Lines of text: per kind of evidence the totals, then truth × verdict, then every fault."""
    lines = [
        f"{'evidence':<16}{'right':>7}{'vague':>7}{'open':>7}{'wrong':>7}{'certain':>9}{'forbidden':>11}"
    ]
    for name in EVIDENCE:
        some = [one for one in scores.verdicts if one.evidence == name]
        if not some:
            continue
        marks = Counter(one.mark for one in some)
        sure = sum(one.confidence == CERTAIN for one in some)
        bad = sum(bool(set(one.faults) & set(FORBIDDEN)) for one in some)
        counts = "".join(f"{marks[mark]:>7}" for mark in MARKS)
        lines.append(f"{name:<16}{counts}{sure:>9}{bad:>11}")
    lines += ["", "with full evidence: run, truth, verdict"]
    seen: Counter[tuple[str, ...]] = Counter(
        (one.run, one.about, "/".join(one.truth) or "-", one.said, one.confidence, one.mark)
        for one in scores.verdicts
        if one.evidence == FULL
    )
    for (run, about, truth, said, confidence, mark), times in sorted(seen.items()):
        many = f" ×{times}" if times > 1 else ""
        sign = MARKS[mark]
        lines.append(f"{sign} {run:<34}{about:<11}{truth} → {said} ({confidence}){many}")
    faulty = Counter(
        (one.run, one.evidence, one.about, "/".join(one.truth), one.said, one.confidence,
         one.harm, "; ".join(one.faults))
        for one in scores.verdicts
        if one.faults or one.mark == "wrong"
    )  # fmt: skip
    lines += ["", f"wrong or at fault: {sum(faulty.values())}"]
    for (run, evidence, about, truth, said, confidence, harm, faults), times in faulty.items():
        lines.append(
            f"  {run} [{evidence}] {about}: {truth} → {said} ({confidence}, {harm})"
            f" ×{times} {faults}"
        )
    lines += [f"  {run} [{evidence}]: {why}" for run, evidence, why in scores.unread]
    return lines
