"""Kinds: rows of a log between which no rule tells a difference are judged once.

A kind is a number made of all that rules read of a row: words as they are, numbers only by the
thresholds that rules compare them with.  The first row of a kind is judged as a frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import polars as pl

from finis.diagnosis.counting import codes
from finis.diagnosis.denials import _facts, dny315_after_failover
from finis.records import dataclass
from finis.terms import Confidence, word
from finis.tracking.output import refusal_kind
from finis.tracking.parts import LogPart
from finis.wire.dialects._packed import BIT, NAMED, V4, WORDS, Book, Words

Array = np.ndarray
Judge = Callable[[Array], pl.DataFrame]  # some rows → their frame, judged

_LEVEL = {word(level): int(level) for level in Confidence}
_AT = {name: at for at, name in enumerate(WORDS)}
_KNOWN = 1 << 18  # kinds remembered; a log that has more is judged anew from there on


@dataclass(frozen=True, slots=True)
class Verdict:
    """What rules say of a row."""

    cause: str
    harm: str
    sure: int  # terms.Confidence
    contributing: tuple[str, ...] = ()

    @property
    def group(self) -> tuple[str, str]:
        return self.cause, self.harm


class Numbers:
    """A number for everything met, in order."""

    def __init__(self) -> None:
        self.of: dict[Any, int] = {}

    def __call__(self, thing: Any) -> int:
        return self.of.setdefault(thing, len(self.of))

    def all(self, things: Sequence[Any]) -> Array:
        return np.array([self(thing) for thing in things] or [0], np.uint64)


class ByWord:
    """Numbers for the words of a book by code; each word is looked at once."""

    def __init__(self, number: Callable[[Words], int]) -> None:
        self.number = number
        self._book: Book | None = None
        self._known = np.empty(0, np.uint64)

    def codes(self, book: Book) -> Array:
        """Of all words of a book (u8), at least one."""
        if book is not self._book:
            self._book, self._known = book, self._known[:0]
        if len(self._known) < len(book.words):
            new = [self.number(told) for told in book.words[len(self._known) :]]
            self._known = np.concatenate([self._known, np.array(new, np.uint64)])
        return self._known if len(self._known) else np.zeros(1, np.uint64)

    def forget(self) -> None:
        """What words are numbered by has changed."""
        self._book = None


class Kinds:
    """The verdicts met so far, and of which kinds they are."""

    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []
        self._codes: dict[Verdict, int] = {}
        self._of = codes()

    def judged(self, keys: Array, judge: Judge) -> Array:
        """The index into `verdicts` (u4) of rows with these kinds (u8)."""
        found, fresh = self._of.find(keys)
        if not len(fresh):
            return found
        if len(self._of) + len(fresh) > _KNOWN:
            self._of = codes()
            _, fresh = self._of.find(keys)
        frame = judge(fresh)
        also = frame["contributing"] if "contributing" in frame.columns else None
        for n, row in enumerate(frame.select("cause", "harm", "confidence").iter_rows()):
            names = (also[n] or "") if also is not None else ""
            self._of.put(int(keys[fresh[n]]), self.code(row[0], row[1], row[2], names))
        found, _ = self._of.find(keys)
        return found

    def bound(self, words: Numbers, most: int, by_word: ByWord) -> None:
        """Begin anew where a log has had more words than a key holds."""
        if len(words.of) > most:
            words.of.clear()
            by_word.forget()
            self._of = codes()

    def code(self, cause: str, harm: str, confidence: str | None, contributing: str = "") -> int:
        """The index into `verdicts` of what the columns of a row say."""
        verdict = Verdict(
            cause, harm, _LEVEL.get(confidence or "", int(Confidence.POSSIBLE)),
            tuple(name.strip() for name in contributing.split(",") if name.strip()),
        )  # fmt: skip
        code = self._codes.get(verdict)
        if code is None:
            code = self._codes[verdict] = len(self.verdicts)
            self.verdicts.append(verdict)
        return code


class _Key:
    """Packs small numbers into one."""

    def __init__(self, count: int) -> None:
        self.value = np.zeros(count, np.uint64)
        self.bits = 0

    def add(self, part: Array, bits: int) -> None:
        self.value |= part.astype(np.uint64) << np.uint64(self.bits)
        self.bits += bits
        assert self.bits <= 64


def _sign(values: Array, known: Array) -> Array:
    """0: unknown, 1: zero, 2: anything else."""
    return np.where(known, np.where(values == 0, 1, 2), 0)


def _step(values: Array, thresholds: Sequence[float]) -> Array:
    """Where a number stands among thresholds, one that is equal apart; 0 for NaN."""
    at = np.searchsorted(thresholds, values, "left") + np.searchsorted(thresholds, values, "right")
    return np.where(np.isnan(values), 0, at + 1)


class ConnectionKinds(Kinds):
    """Of connections that only a log shows; `engine.ALIKE` says what rules may read."""

    def __init__(self) -> None:
        super().__init__()
        self.words = Numbers()
        self.reasons = ByWord(lambda told: self.words(told[_AT["reason"]]))

    def codes(self, part: LogPart) -> tuple[Array, Array]:
        """Numbers (u8) for the reasons that the words of a part state, and for its `hows`."""
        self.bound(self.words, 1 << 22, self.reasons)
        return self.reasons.codes(part.book), self.words.all(part.hows)


def connection_keys(rows: Array, reasons: Array, hows: Array) -> Array:
    """The kinds (u8) of packed connections; `reasons`, `hows`: `ConnectionKinds.codes`."""
    end, ended = rows["end"], rows["ended"] == 1
    has = np.where(ended, end["has"], 0)
    key = _Key(len(rows))
    key.add(np.where(ended, reasons[np.where(ended, end["words"], 0)], 0), 24)
    key.add(np.where(ended, hows[np.minimum(end["how"], len(hows) - 1)], 0), 24)
    key.add(rows["ended"], 1)
    key.add(rows["implied"], 1)
    key.add(rows["start"]["guessed"], 1)
    key.add(has & BIT["ts"] != 0, 1)
    key.add(_sign(end["bytes"], has & BIT["bytes"] != 0), 2)
    key.add(_sign(end["duration_s"], has & BIT["duration_s"] != 0), 2)
    key.add(rows["data_denied"] > 0, 1)
    key.add(rows["acks_denied"] > 0, 1)
    return key.value


def to_many(hosts: Array) -> Array:
    """Which words of hosts are broadcast or multicast addresses (`_facts.to_many`)."""
    four = (hosts >= V4) & (hosts < NAMED)
    found: Array = four & ((hosts & 0xFF == 0xFF) | (hosts >> 28 & 0xF == 0xE))
    return found


# What denials' rules compare numbers with.
LAG_S = (_facts.SAME_MOMENT_S, _facts.SYN_ACK_RETRY_S, _facts.LATE_S)
SYN_AFTER_S = (0.0, _facts.REUSE_S, _facts.SYN_RETRY_S)
FAILOVER_S = (0.0, dny315_after_failover.SOON_S, dny315_after_failover.WINDOW_S)
FANOUT = (_facts.BACKSCATTER_TARGETS, _facts.SCAN_TARGETS, _facts.SWEEP_TARGETS,
          5 * _facts.SCAN_TARGETS)  # fmt: skip
REFUSED = (_facts.SCAN_TARGETS,)
REPEATS = (3,)
PRIVILEGED = 1024  # ports below
_OF_PART = 57  # bits of what a part tells of a denial


@dataclass(frozen=True, slots=True)
class Population:
    """What the whole log tells of every denial; -1 where unknown."""

    repeats: Array
    src_fanout: Array
    src_refused: Array
    dst_opened: Array
    dst_mapped: Array  # 1: who opens connections is translated to it, and it opens none itself
    torn_logged: Array  # 0 of a firewall whose log holds no Teardown at all, else 1

    @classmethod
    def of_none(cls) -> Population:
        return cls(*(np.empty(0, np.int64) for _ in fields(cls)))

    @classmethod
    def joined(cls, parts: Sequence[Population]) -> Population:
        """One after another."""
        columns = ([getattr(one, part.name) for one in parts] for part in fields(cls))
        return cls(*(np.concatenate(column) for column in columns))

    def only(self, at: Array) -> Population:
        """Of some of these."""
        return Population(*(getattr(self, one.name)[at] for one in fields(Population)))


def shown(told: Words) -> tuple[str, Any]:
    """`output.refusal_kind` of a word."""
    return refusal_kind(*(told[_AT[name]] for name in ("kind", "proto", "denial_kind")))


class DenialKinds(Kinds):
    """Of denials in a log without captures."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.hows, self.causes = Numbers(), Numbers(), Numbers()
        self.said = ByWord(self._said)

    def codes(self, part: LogPart) -> tuple[Array, Array]:
        """Numbers (u8) for what the words of a part say, and for its `hows`."""
        self.bound(self.words, 1 << 16, self.said)
        return self.said.codes(part.book), self.hows.all(part.hows)

    def _said(self, told: Words) -> int:
        """A number for what the words of a line tell rules: message, protocol, flags, kind,
        whether it names an access list, and what they ask of the firewall's own words."""
        asked = _facts.asked_of(told[_AT["reason"]])
        named = (told[_AT["msg_id"]], told[_AT["flags"]], told[_AT["acl"]] is None, asked)
        return self.words((*named, *shown(told)))


def denial_keys(
    denials: Array, connections: Array, said: Array, hows: Array, causes: Array
) -> Array:
    """The kinds (u8) of packed denials without what the whole log tells of them.  `said`, `hows`:
    `DenialKinds.codes`; `causes`: a number for the cause of every connection."""
    rows = denials["refusal"]
    event = rows["event"]
    key = _Key(len(rows))
    key.add(said[event["words"]], 17)
    known = denials["at"] >= 0  # so its connection has a cause
    at = np.where(known, denials["at"], 0)
    over = known & ~np.isnan(rows["lag_s"])  # what a denial shows of the end before it
    if len(connections):
        ended = connections["ended"][at] == 1
        end = connections["end"]
        how = np.where(ended, hows[np.minimum(end["how"][at], len(hows) - 1)] + 2, 1)
        key.add(np.where(over, how, 0), 8)
        over &= ended
        key.add(np.where(over, end["by"][at] + 1, 0), 3)
        key.add(_sign(end["bytes"][at], over & (end["has"][at] & BIT["bytes"] != 0)), 2)
        key.add(np.where(known, causes[at] + 1, 0), 7)
    else:
        key.bits += 20
    key.add(to_many(event["b_h"]), 1)
    key.add(rows["seen"], 2)
    key.add(rows["side"], 2)
    key.add(rows["pending"], 1)
    key.add(_step(rows["lag_s"], LAG_S), 3)
    key.add(_step(denials["syn_after_s"], SYN_AFTER_S), 3)
    key.add(_step(rows["failover_s"], FAILOVER_S), 3)
    has = event["has"]
    src, dst = event["a_p"], event["b_p"]
    no_src, no_dst = has & BIT["a_p"] == 0, has & BIT["b_p"] == 0
    key.add(np.where(no_src, 0, np.where(src < PRIVILEGED, 1, 2)), 2)
    key.add(np.where(no_dst, 0, np.where(dst < PRIVILEGED, 1, 2)), 2)
    key.add(src > dst, 1)
    assert key.bits == _OF_PART
    return key.value


def with_whole(keys: Array, whole: Population) -> Array:
    """The kinds of denials (`denial_keys`), with what the whole log tells of them."""
    key = _Key(len(keys))
    key.value, key.bits = keys.copy(), _OF_PART
    key.add(whole.repeats >= REPEATS[0], 1)
    key.add(whole.src_refused >= REFUSED[0], 1)
    # Who opened connections is known only where their ends are logged.
    opened = np.where(whole.torn_logged == 1, np.minimum(whole.dst_opened, 1) + 1, 3)
    opened = np.where(whole.dst_mapped == 1, 4, opened)
    key.add(np.searchsorted(FANOUT, whole.src_fanout, "right") * 5 + opened, 5)
    return key.value
