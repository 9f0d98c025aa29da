"""ICMP errors in words, for the causes that rest on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.correlation.stories import Proof
from finis.diagnosis import telling
from finis.diagnosis.cause import Claim

if TYPE_CHECKING:
    from finis.correlation.stories import Story

# (type, code) in words: RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1; RFC 4443 §3.
V4 = {
    (3, 0): "network unreachable", (3, 1): "host unreachable", (3, 2): "protocol unreachable",
    (3, 3): "port unreachable", (3, 5): "source route failed", (3, 6): "network unknown",
    (3, 7): "host unknown", (3, 9): "network prohibited", (3, 10): "host prohibited",
    (3, 13): "administratively prohibited", (11, 0): "time to live exceeded in transit",
    (12, 0): "parameter problem",
}  # fmt: skip
V6 = {
    (1, 0): "no route", (1, 1): "administratively prohibited", (1, 2): "beyond scope of source",
    (1, 3): "address unreachable", (1, 4): "port unreachable", (1, 5): "refused by policy",
    (1, 6): "reject route", (3, 0): "hop limit exceeded in transit",
}  # fmt: skip


def word(kind: int, code: int, v6: bool) -> str:
    known = (V6 if v6 else V4).get((kind, code))
    plain = f"type {kind} code {code}"
    return f"{known} ({plain})" if known else plain


def rejected(story: Story) -> list[Claim]:
    """The first ICMP error that rejected a segment of the connection."""
    row = story.row
    if row.get("icmp_type") is None or row.get("icmp_file") is None:
        return []
    by, to = row["icmp_by"], telling.side_of(row["icmp_to"])
    what = word(row["icmp_type"], row["icmp_code"] or 0, ":" in (by or ""))
    whom = "" if to is None else f" to {telling.who(story, to)}"
    many = row.get("icmp_errors") or 1
    times = f", {telling.count(many, 'such error')} in all" if many > 1 else ""
    text = f"{by} reported{whom} by ICMP: {what}{times}."
    return [Claim(text, (Proof(row["icmp_file"], row["icmp_frame"] or 0, "frame"),), "RFC 5927")]


def too_big(story: Story) -> list[Claim]:
    """The first ICMP error that told a smaller MTU."""
    row = story.row
    if row.get("mtu_by") is None or row.get("mtu_file") is None:
        return []
    size = f" it takes {row['mtu_bytes']} bytes" if row.get("mtu_bytes") else ""
    text = f"{row['mtu_by']} reported by ICMP that a segment was too big for the next hop"
    text += f":{size}." if size else "."
    return [Claim(text, (Proof(row["mtu_file"], row["mtu_frame"] or 0, "frame"),), "RFC 1191 §4")]
