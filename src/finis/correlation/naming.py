"""Short ids of stories, made of what they are, not of where they stand: the same whatever the
batches, the threads and the order of files."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from finis.correlation import keys
from finis.correlation.evidence import NEVER, Evidence
from finis.correlation.keys import Array

if TYPE_CHECKING:
    import polars as pl

    from finis.correlation.grouping import Groups
    from finis.correlation.picking import Chosen

ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 §6, lower case
LENGTH = 9  # 45 bits
USED = np.uint64((1 << 5 * LENGTH) - 1)  # of a fingerprint
FEW = 256  # ids that are spelt one by one


def fingerprints(ev: Evidence, groups: Groups, chosen: Chosen) -> Array:
    """64 bits per story from its first evidence: the tuple and time of its observation at the point
    first by name, or the firewall, number and tuple of its log lines.  No numbering enters."""
    out = np.zeros(groups.count, np.uint64)
    seen = np.flatnonzero(chosen.packets)
    row = groups.first_row[seen]
    began = ev.fields["first_ns"][row].view(np.uint64)
    out[seen] = keys.mix(ev.key[row], began, ev.fields["vlan"][row])
    only = np.flatnonzero(~chosen.packets)
    conn = groups.conn[only]
    if len(conn):
        log = ev.log
        when = np.where(log.built != NEVER, log.built, log.teardown)
        out[only] = of_log(log.frame, when, log.near_key)[conn]
    return out


def of_log(frame: pl.DataFrame, when: Array, near_key: Array) -> Array:
    """The same for connections of a log (tables.LOG_CONNECTIONS): the firewall, its number, and
    the tuple on orig's side.  `when`: ns, Built or else Teardown, NEVER without both."""
    text = (frame["device"].fill_null("") + "|" + frame["orig_h"].fill_null("") + "|"
            + frame["resp_h"].fill_null(""))  # fmt: skip
    numbers = frame["fw_conn_id"].fill_null(0).to_numpy().view(np.uint64)
    return keys.mix(text_hash(text), numbers, when.view(np.uint64), near_key)


def text_hash(texts: pl.Series) -> Array:
    """A stable hash of texts (Polars' own differs between releases): BLAKE2b."""
    if (kernel := keys.text_kernel()) is not None:
        hashes: Array = kernel.hashes(*keys.laid_out(texts))
        return hashes
    import hashlib

    digests = [hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts.to_list()]
    return np.frombuffer(b"".join(digests), ">u8").astype(np.uint64)


def ids(fingerprint: Array) -> pl.Series:
    """Short text ids; equal ones are told apart by their place in time, the first unchanged."""
    import polars as pl

    used = fingerprint & USED
    if len(used) <= FEW or len(np.unique(used)) < len(used):
        return pl.Series(_told_apart(used), dtype=pl.String)
    return spelt(used)


def spelt(fingerprint: Array) -> pl.Series:
    """Short text ids, equal ones the same."""
    import polars as pl

    if len(fingerprint) <= FEW or LENGTH % 3:
        return pl.Series(_letters(fingerprint), dtype=pl.String)
    three = _three_letters()
    parts = [
        three[pl.Series((fingerprint >> np.uint64(15 * n) & np.uint64(0x7FFF)).astype("u4"))]
        .alias(f"{n}")
        for n in range(LENGTH // 3)
    ]  # fmt: skip
    return pl.select(pl.concat_str(parts)).to_series()


@cache
def _three_letters() -> pl.Series:
    """All words of three letters, the first letter being the lowest digit."""
    import polars as pl

    words = [a + b + c for c in ALPHABET for b in ALPHABET for a in ALPHABET]
    return pl.Series(words, dtype=pl.String)


def one(fingerprint: np.uint64) -> str:
    """The id of one story alone."""
    return _letters(np.array([fingerprint], np.uint64))[0]


def number(text: str) -> int | None:
    """The bits USED of a fingerprint whose id this is, or begins; None if it is no id."""
    digits = [ALPHABET.find(letter) for letter in text[:LENGTH]]
    if len(digits) < LENGTH or min(digits) < 0:
        return None
    return sum(digit << 5 * place for place, digit in enumerate(digits))


def _letters(fingerprint: Array) -> list[str]:
    letters = np.frombuffer(ALPHABET.encode(), np.uint8)
    shifts = (np.arange(LENGTH) * 5).astype(np.uint64)
    digits = (fingerprint[:, None] >> shifts) & np.uint64(31)
    packed = np.ascontiguousarray(letters[digits.astype(np.int64)])
    out: list[str] = packed.view(f"S{LENGTH}").reshape(-1).astype(f"U{LENGTH}").tolist()
    return out


def _told_apart(fingerprint: Array) -> list[str]:
    out = _letters(fingerprint)
    if len(set(out)) < len(out):
        count: dict[str, int] = {}
        taken = set(out)
        for at, name in enumerate(out):
            count[name] = count.get(name, 0) + 1
            if count[name] > 1:
                fresh = f"{name}{count[name]}"
                while fresh in taken:
                    count[name] += 1
                    fresh = f"{name}{count[name]}"
                taken.add(fresh)
                out[at] = fresh
    return out
