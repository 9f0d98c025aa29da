"""Printed TCP options of both tcpdump generations, and the checksum that may be unfilled."""

from __future__ import annotations

from finis.wire.captures._text import bits
from finis.wire.captures._text.rows import U32, Row

_TCP = 6  # protocol number


def options(text: str, row: Row) -> None:
    """Read a printed option list (``mss 1460,nop,wscale 8,…``) of either tcpdump generation."""
    for token in text.split(","):
        words = token.split()
        reader = _OPTIONS.get(words[0]) if words else None
        if reader is not None:
            reader(words[1:], row)
    if "[|tcp" in text or "[bad opt" in text:
        row.quirks |= bits.TRUNCATED_HEADER if "[|tcp" in text else bits.BAD_OPTIONS


def _count(word: str) -> int:
    """A printed number, or -1; ten digits are all a 32-bit field can need."""
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 10 else -1


def _mss(words: list[str], row: Row) -> None:
    value = _count(words[0]) if len(words) == 1 else -1
    if 0 <= value <= 0xFFFF:
        row.mss = value
        row.quirks |= bits.HAS_MSS
    else:
        row.quirks |= bits.BAD_OPTIONS


def _wscale(words: list[str], row: Row) -> None:
    value = _count(words[0]) if len(words) == 1 else -1
    if 0 <= value <= 0xFF:
        row.wscale = value
        row.quirks |= bits.HAS_WSCALE
    else:
        row.quirks |= bits.BAD_OPTIONS


def _sack_permitted(words: list[str], row: Row) -> None:
    row.quirks |= bits.SACK_PERMITTED


def _timestamps(words: list[str], row: Row) -> None:
    """``timestamp 1 2`` (3.x, ASA) or ``TS val 1 ecr 2`` (4.x); RFC 7323 §3."""
    numbers = [_count(word) for word in words if word not in ("val", "ecr")]
    if len(numbers) == 2 and all(0 <= n <= U32 for n in numbers):
        row.tsval, row.tsecr = numbers
        row.quirks |= bits.HAS_TS
    else:
        row.quirks |= bits.BAD_OPTIONS


def _sack(words: list[str], row: Row) -> None:
    """``sack 1 {a:b}…`` (the old form repeats the word); the first block (RFC 2018 §3)."""
    block = next((word for word in words if word[0] == "{" and word[-1] == "}"), "")
    left, _, right = block[1:].partition("}")[0].partition(":")
    edges = _count(left), _count(right)
    if all(0 <= edge <= U32 for edge in edges):
        row.sack_left, row.sack_right = edges
        row.quirks |= bits.HAS_SACK
    else:
        row.quirks |= bits.BAD_OPTIONS


def _md5(words: list[str], row: Row) -> None:
    row.quirks |= bits.HAS_MD5


_OPTIONS = {
    "mss": _mss,
    "wscale": _wscale,
    "sackOK": _sack_permitted,
    "timestamp": _timestamps,
    "TS": _timestamps,
    "sack": _sack,
    "md5": _md5,
    "md5:": _md5,
}


def unfilled(checksum: int, row: Row) -> bool:
    """Is a wrong checksum merely one the network card was to fill in?

    Then the field holds 0 or the sum of the pseudo-header (RFC 9293 §3.1), with or without its
    length.  True also where that length was not printed: nothing is proven then.
    """
    if not row.ip_len:
        return True
    ipv4 = row.src_hi == row.dst_hi == 0 and row.src_lo >> 32 == row.dst_lo >> 32 == 0xFFFF
    low = (0, 16) if ipv4 else (0, 16, 32, 48)
    pseudo = _TCP + sum(v >> shift & 0xFFFF for v in (row.src_lo, row.dst_lo) for shift in low)
    pseudo += sum(v >> s & 0xFFFF for v in (row.src_hi, row.dst_hi) for s in (0, 16, 32, 48))
    length = row.ip_len - (20 if ipv4 else 40)
    return checksum in (0, _fold(pseudo), _fold(pseudo + length))


def _fold(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
