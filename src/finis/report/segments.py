"""Segment rows as a table (tables.SEGMENTS), column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from finis.correlation.keys import texts
from finis.tables import SEGMENTS, polars_schema
from finis.terms import Alert, Flag, Quirk, word

if TYPE_CHECKING:
    from finis.wire.source import Source

_LETTERS = (
    (Flag.SYN, "S"),
    (Flag.FIN, "F"),
    (Flag.RST, "R"),
    (Flag.PSH, "P"),
    (Flag.ACK, "A"),
    (Flag.URG, "U"),
    (Flag.ECE, "E"),
    (Flag.CWR, "C"),
)
_FLAGS = [
    "".join(letter for bit, letter in _LETTERS if value & bit) or "." for value in range(0x200)
]
_ALERTS = [word(member) for member in Alert]


def frame(rows: np.ndarray, point: str, source: Source) -> pl.DataFrame:
    """`rows` of tables.SEGMENT as tables.SEGMENTS; what a row does not have is null."""
    quirks = rows["quirks"]

    def has(bit: Quirk) -> np.ndarray:
        found: np.ndarray = quirks & bit != 0
        return found

    def number(name: str, where: np.ndarray) -> pl.Series:
        values = pl.Series(rows[name].astype(np.int64))
        return values.zip_with(pl.Series(where), pl.Series([None], dtype=pl.Int64))

    dated = ~has(Quirk.UNDATED)
    stamps = pl.Series(rows["ts_ns"]).cast(pl.Datetime("ns")).dt.replace_time_zone("UTC")
    sack = pl.Series(rows["sack_left"]).cast(pl.String) + ":"
    sack = sack + pl.Series(rows["sack_right"]).cast(pl.String)
    drops = [source.drops[n] or None for n in range(len(source.drops))]
    columns = {
        "ts": stamps if dated.all() else stamps.zip_with(pl.Series(dated), _nothing(stamps.dtype)),
        "point": pl.repeat(point, len(rows), eager=True),
        "file": pl.repeat(source.path, len(rows), eager=True),
        "frame": pl.Series(rows["frame"]),
        "src_h": texts(rows["src_hi"], rows["src_lo"]),
        "src_p": pl.Series(rows["src_p"]),
        "dst_h": texts(rows["dst_hi"], rows["dst_lo"]),
        "dst_p": pl.Series(rows["dst_p"]),
        "flags": _pick(_FLAGS, rows["flags"] & 0x1FF),
        "seq": number("seq", ~has(Quirk.NO_SEQ)),
        "ack": number("ack", rows["flags"] & Flag.ACK != 0),
        "win": number("win", ~has(Quirk.NO_WIN)),
        "payload_len": pl.Series(rows["payload_len"]),
        "ttl": number("ttl", ~has(Quirk.NO_TTL)),
        "ip_id": number("ip_id", ~has(Quirk.NO_IP_ID)),
        "vlan": number("vlan", rows["vlan"] != 0),
        "tsval": number("tsval", has(Quirk.HAS_TS)),
        "tsecr": number("tsecr", has(Quirk.HAS_TS)),
        "mss": number("mss", has(Quirk.HAS_MSS)),
        "wscale": number("wscale", has(Quirk.HAS_WSCALE)),
        "sack": sack.zip_with(pl.Series(has(Quirk.HAS_SACK)), _nothing(pl.String())),
        "tls": _pick(_ALERTS, rows["alert"]),
        "drop": _pick(drops, rows["drop"]),
        "quirks": _quirks(quirks),
    }
    return pl.DataFrame(columns).cast(pl.Schema(polars_schema(SEGMENTS)))


def _nothing(kind: pl.DataType) -> pl.Series:
    return pl.Series([None], dtype=kind)


def _pick(words: list[str] | list[str | None], codes: np.ndarray) -> pl.Series:
    return pl.Series(words, dtype=pl.String).gather(np.minimum(codes, len(words) - 1))


def _quirks(quirks: np.ndarray) -> pl.Series:
    """Names of the bits; few distinct values, so each is spelt once."""
    values, at = np.unique(quirks, return_inverse=True)
    names = [",".join(word(bit) for bit in Quirk if value & bit) for value in values.tolist()]
    return pl.Series(names, dtype=pl.String).gather(at)
