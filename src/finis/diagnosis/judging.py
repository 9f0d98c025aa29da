"""The verdicts of many connections at once, from their facts as NumPy has them: what
`engine.judge_table` says, by circuits (`finis.diagnosis.circuit`) instead of Polars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import polars as pl

from finis import tables
from finis.correlation.columns import Column, menu
from finis.correlation.keys import Array
from finis.diagnosis.cause import Cause
from finis.diagnosis.circuit import Circuit, Outcome, packed, unpacked
from finis.records import dataclass
from finis.terms import Confidence, Harm, word

Rules = tuple[type[Cause], ...]

COLUMNS = tables.CONNECTIONS + tables.STORY_FACTS
UNKNOWN = {"confidence": Confidence.POSSIBLE, "harm": Harm.DEPENDS}
CONFIDENCE = (None, *(word(level) for level in Confidence))
HARM = tuple(word(level) for level in Harm)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """Rules of connections in order of id, and the numbers of their parts in the circuit."""

    circuit: Circuit
    where: list[int]
    confidence: list[int]
    harm: list[int]


def prepare(rules: Rules) -> None:
    """Make once what judging by these rules needs."""
    _compiled(rules)


@cache
def _compiled(rules: Rules) -> _Compiled:
    circuit = Circuit(COLUMNS)

    def levels(what: str) -> list[int]:
        given = [getattr(cause, what) for cause in rules]
        return [circuit.add_level(value, int(UNKNOWN[what])) for value in given]

    where = [circuit.add(cause.where()) for cause in rules]
    return _Compiled(circuit, where, levels("confidence"), levels("harm"))


def verdicts(
    facts: Mapping[str, Column],
    count: int,
    rules: Rules,
    beaten_by: Mapping[str, set[str]],
) -> dict[str, Column]:
    """The verdict's columns; `beaten_by`: per cause the ids that beat it."""
    compiled = _compiled(rules)
    outcome = Outcome(compiled.circuit, facts, count)
    rows = packed(np.ones(count, bool))
    holds = [outcome.holds(number) & rows for number in compiled.where]
    levels = [outcome.levels(number) for number in compiled.confidence]
    taken = _primary(holds, levels, rules, beaten_by)
    primary: Array = np.full(count, len(rules), np.uint8 if len(rules) < 256 else np.uint16)
    sure = np.full(count, int(UNKNOWN["confidence"]), np.uint8)
    harm = np.full(count, int(UNKNOWN["harm"]), np.uint8)
    for at, mine in enumerate(taken):
        if not mine.any():
            continue
        primary[unpacked(mine, count)] = at
        for codes, found in ((sure, levels[at]), (harm, outcome.levels(compiled.harm[at]))):
            for level, bits in found.items():
                if (some := mine & bits).any():
                    codes[unpacked(some, count)] = level
    sure = _limited(facts, rules, primary, sure)
    told = primary < len(rules)
    return {
        "cause": Column(primary, told, menu(*(cause.id for cause in rules), None)),
        "cause_name": Column(primary, told, menu(*(cause.name for cause in rules), None)),
        "contributing": _contributing(holds, taken, rules, primary),
        "confidence": Column(sure, None, menu(*CONFIDENCE)),
        "harm": Column(harm, None, menu(*HARM)),
    }


def _primary(
    holds: Sequence[Array],
    levels: Sequence[Mapping[int, Array]],
    rules: Rules,
    beaten_by: Mapping[str, set[str]],
) -> list[Array]:
    """Per cause the rows of which it is the primary one: no able cause that holds beats it, and
    of those that remain it is the surest, then the one of the lowest id."""
    none = np.zeros_like(holds[0])
    able = {cause.id: at for at, cause in enumerate(rules) if not cause.only_contributes}
    alive: dict[int, Array] = {}
    for name, at in able.items():
        if holds[at].any():
            beaten = none
            for other in beaten_by[name] & able.keys():
                beaten = beaten | holds[able[other]]
            alive[at] = holds[at] & ~beaten
    taken = [none] * len(rules)
    over = none
    for level in sorted({level for at in alive for level in levels[at] if level > 0}, reverse=True):
        for at, rows in alive.items():
            if level in levels[at]:
                mine = rows & levels[at][level] & ~over
                taken[at], over = taken[at] | mine, over | mine
    return taken


def _limited(facts: Mapping[str, Column], rules: Rules, primary: Array, sure: Array) -> Array:
    """No surer than the orientation is, nor than what a capture that misses segments can show."""
    likely = np.uint8(Confidence.LIKELY)
    orientation = facts["orientation"]
    guessed = _asked(orientation, "guessed") & _of(primary, [c.names_side for c in rules])
    open_to = _of(primary, [not cause.withstands_loss for cause in rules])
    loss = facts["capture_loss"]
    missed = loss.values if loss.valid is None else loss.values & loss.valid
    limited: Array = np.where(guessed | missed & open_to, np.minimum(sure, likely), sure)
    return limited


def _asked(column: Column, text: str) -> Array:
    """Where a column has this word."""
    assert column.menu is not None
    found: Array = column.values == column.menu.to_list().index(text)
    return found if column.valid is None else found & column.valid


def _of(primary: Array, says: list[bool]) -> Array:
    """What the primary cause says; nothing where there is none."""
    found: Array = np.array([*says, False])[primary]
    return found


def _contributing(
    holds: Sequence[Array], taken: Sequence[Array], rules: Rules, primary: Array
) -> Column:
    """Ids of the other causes that also hold and say something of their own, comma-separated;
    none beside a connection without a primary cause."""
    count = len(primary)
    told = packed(primary < len(rules))
    sets = np.zeros(count, np.uint32)
    texts = {0: ""}
    for at, cause in enumerate(rules):
        if not (cause.contributes or cause.only_contributes):
            continue
        mine = holds[at] & ~taken[at] & told
        if not mine.any():
            continue
        # Sets are numbered as they come to be, so that there may be any number of causes.
        flags = unpacked(mine, count)
        old, where = np.unique(sets[flags], return_inverse=True)
        fresh = len(texts) + np.arange(len(old))
        for before, number in zip(old.tolist(), fresh.tolist(), strict=True):
            texts[number] = f"{texts[before]},{cause.id}" if texts[before] else cause.id
        sets[flags] = fresh[where.reshape(-1)]
    return Column(sets, None, pl.Series(list(texts.values()), dtype=pl.String))
