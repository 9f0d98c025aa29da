"""Addresses and tuples as numbers that can be joined in bulk.

A tuple's key is the same for both directions, so that captures which guessed the orientation
differently still meet.  Keys are 64-bit hashes: whoever joins on them compares the tuples after.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import numpy as np

from finis.compiled import kernel

if TYPE_CHECKING:
    import polars as pl

    from finis.correlation.turned import Turned

Array = np.ndarray[Any, Any]

FEW = 32  # addresses that are read one by one

V4_PREFIX = 0xFFFF << 32  # ::ffff:0:0/96, how records hold IPv4 (upper half 0)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(*parts: Array) -> Array:
    """One 64-bit hash per row over unsigned columns (splitmix64 finaliser, chained)."""
    state = np.zeros(len(parts[0]), np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            z = state + part.astype(np.uint64) + _GOLDEN
            z = (z ^ (z >> np.uint64(30))) * _M1
            z = (z ^ (z >> np.uint64(27))) * _M2
            state = z ^ (z >> np.uint64(31))
    return state


def tuple_key(a: tuple[Array, Array, Array], b: tuple[Array, Array, Array]) -> Array:
    """Key of the unordered pair of endpoints, each (upper, lower address half, port)."""
    one, two = mix(*a), mix(*b)
    return mix(np.minimum(one, two), np.maximum(one, two))


def distinct_rows(rows: Array) -> tuple[Array, Array]:
    """Different rows (of whole 8 bytes each), and the place of each row among them.  They are told
    apart by numbers: sorting texts is dear."""
    parts = np.ascontiguousarray(rows).view(np.uint64)
    _, first, where = np.unique(mix(*parts.T), return_index=True, return_inverse=True)
    where = where.reshape(-1)
    if (parts[first][where] != parts).any():  # two rows of one number
        _, first, where = np.unique(parts, axis=0, return_index=True, return_inverse=True)
    return rows[first], where.reshape(-1)


def row_keys(rows: Turned) -> Array:
    """`tuple_key` of every row of tables.OBSERVATION."""
    return tuple_key(
        (rows["orig_hi"], rows["orig_lo"], rows["orig_p"]),
        (rows["resp_hi"], rows["resp_lo"], rows["resp_p"]),
    )


def text_kernel() -> Any:
    """The module `finis.correlation._texts`, None where the reference is to be used."""
    return kernel("finis.correlation._texts")


def laid_out(texts: pl.Series) -> tuple[bytes, Array]:
    """Texts one after another, and how many bytes each takes (u4); null takes none."""
    if len(texts) <= FEW:
        told = [(text or "").encode() for text in texts.to_list()]
        return b"".join(told), np.array([len(text) for text in told], np.uint32)
    lengths = texts.str.len_bytes().fill_null(0).to_numpy()
    return (texts.str.join().item() or "").encode(), np.ascontiguousarray(lengths, np.uint32)


def parse(texts: pl.Series) -> tuple[Array, Array, Array]:
    """Addresses in text → upper halves, lower halves, and whether it was an address at all
    (a log may print names)."""
    if len(texts) <= FEW:
        return _parse_few(texts.to_list())
    if (texts_of := text_kernel()) is None:
        return _parse_distinct(texts)
    number, none = texts_of.addresses(*laid_out(texts))
    lo = np.where(none, np.uint64(0), number | np.uint64(V4_PREFIX))
    hi, good = np.zeros(len(lo), np.uint64), ~none
    others = np.flatnonzero(none & texts.is_not_null().to_numpy())
    if len(others):
        hi[others], lo[others], good[others] = _parse_distinct(texts.gather(others))
    return hi, lo, good


def _parse_distinct(texts: pl.Series) -> tuple[Array, Array, Array]:
    """`parse`, each text once."""
    distinct = texts.drop_nulls().unique().to_list()
    number = {text: at for text in distinct if (at := _number(text)) is not None}
    none = (0, 0)
    halves = [number.get(text, none) for text in texts.to_list()]
    hi, lo = np.array(halves, np.uint64).reshape(-1, 2).T
    good = np.array([text in number for text in texts.to_list()], bool)
    return np.ascontiguousarray(hi), np.ascontiguousarray(lo), good


def _number(text: str) -> tuple[int, int] | None:
    """The halves of one address, None for a name."""
    try:
        whole = int(ipaddress.ip_address(text.split("%", 1)[0]))
    except ValueError:
        return None
    if ":" not in text:
        whole |= V4_PREFIX
    return whole >> 64, whole & (2**64 - 1)


def _parse_few(texts: list[str | None]) -> tuple[Array, Array, Array]:
    """`parse` where a query would cost more than it saves."""
    found = [None if text is None else _number(text) for text in texts]
    halves = [(0, 0) if one is None else one for one in found]
    good = np.array([one is not None for one in found], bool)
    hi, lo = np.array(halves, np.uint64).reshape(-1, 2).T
    return np.ascontiguousarray(hi), np.ascontiguousarray(lo), good


def address(hi: int, lo: int) -> str:
    """Text of one address as records hold it."""
    if hi == 0 and lo >> 32 == 0xFFFF:
        return str(ipaddress.IPv4Address(lo & 0xFFFFFFFF))
    return str(ipaddress.IPv6Address(hi << 64 | lo))


def texts(hi: Array, lo: Array) -> pl.Series:
    """Addresses as text."""
    where, distinct = distinct_texts(hi, lo)
    return distinct.gather(where.astype("u4"))


def distinct_texts(hi: Array, lo: Array) -> tuple[Array, pl.Series]:
    """Different addresses as text, and the place of each address among them.  IPv4 is composed of
    its four numbers in bulk; other addresses are formatted one by one."""
    import polars as pl

    hi, lo = hi.astype(np.uint64, copy=False), lo.astype(np.uint64, copy=False)
    v4 = (hi == 0) & (lo >> np.uint64(32) == np.uint64(0xFFFF))
    every = bool(v4.all())
    distinct, where = np.unique((lo if every else lo[v4]).astype(np.uint32), return_inverse=True)
    parts = [pl.Series(distinct >> np.uint32(shift) & np.uint32(255)) for shift in (24, 16, 8, 0)]
    dotted = pl.select(pl.concat_str(parts, separator=".")).to_series().alias("text")
    if every:
        return where.reshape(-1), dotted
    others = np.stack((hi[~v4], lo[~v4]), axis=1)
    six, place = np.unique(others, axis=0, return_inverse=True)
    colons = pl.Series([address(high, low) for high, low in six.tolist()], dtype=pl.String)
    out = np.empty(len(hi), np.int64)
    out[v4], out[~v4] = where.reshape(-1), place.reshape(-1) + len(distinct)
    return out, pl.concat([dotted, colons])
