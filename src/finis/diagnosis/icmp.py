"""ICMP messages in words."""

from __future__ import annotations

import re

from finis.lazily import regex

# (type, code) in words: RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1; RFC 4443 §3.
V4 = {
    (0, 0): "echo reply", (3, 0): "network unreachable", (3, 1): "host unreachable",
    (3, 2): "protocol unreachable", (3, 3): "port unreachable", (3, 4): "fragmentation needed",
    (3, 5): "source route failed", (3, 6): "network unknown", (3, 7): "host unknown",
    (3, 9): "network prohibited", (3, 10): "host prohibited",
    (3, 13): "administratively prohibited", (8, 0): "echo request",
    (11, 0): "time to live exceeded in transit", (11, 1): "fragment reassembly time exceeded",
    (12, 0): "parameter problem", (13, 0): "timestamp request", (14, 0): "timestamp reply",
}  # fmt: skip
V6 = {
    (1, 0): "no route", (1, 1): "administratively prohibited", (1, 2): "beyond scope of source",
    (1, 3): "address unreachable", (1, 4): "port unreachable", (1, 5): "refused by policy",
    (1, 6): "reject route", (2, 0): "packet too big", (3, 0): "hop limit exceeded in transit",
    (3, 1): "fragment reassembly time exceeded", (128, 0): "echo request",
    (129, 0): "echo reply", (135, 0): "neighbour solicitation",
    (136, 0): "neighbour advertisement",
}  # fmt: skip

_FLAGS = regex(r"ICMP (\d{1,9})(?:/(\d{1,9}))?", re.ASCII)
_ONE_CODE = (0, 8, 13, 14, 128, 129)  # types of which there is only code 0


def word(kind: int, code: int, v6: bool) -> str:
    """``host unreachable (type 3 code 1)``, ``type 3 code 99``."""
    known, plain = _named(kind, code, v6)
    return f"{known} ({plain})" if known else plain


def _named(kind: int, code: int | None, v6: bool) -> tuple[str | None, str]:
    """What it is, if that is known, and its numbers."""
    names = V6 if v6 else V4
    if code is None:
        return names.get((kind, 0)) if kind in _ONE_CODE else None, f"type {kind}"
    return names.get((kind, code)), f"type {kind} code {code}"


def of_flags(flags: str | None, v6: bool) -> str | None:
    """``ICMP “echo reply” (type 0)`` of the type and code that a log's `flags` tell (``ICMP 0``);
    None of other flags."""
    told = _FLAGS.fullmatch(flags or "")
    if told is None:
        return None
    known, plain = _named(int(told[1]), None if told[2] is None else int(told[2]), v6)
    return f"ICMP “{known}” ({plain})" if known else f"ICMP {plain}"
