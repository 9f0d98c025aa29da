"""ICMP errors in words, for the causes that rest on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.correlation.stories import Proof
from finis.diagnosis import icmp, telling
from finis.diagnosis.cause import Claim

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def rejected(story: Story) -> list[Claim]:
    """The first ICMP error that rejected a segment of the connection."""
    row = story.row
    if row.get("icmp_type") is None or row.get("icmp_file") is None:
        return []
    by, to = row["icmp_by"], telling.side_of(row["icmp_to"])
    what = icmp.word(row["icmp_type"], row["icmp_code"] or 0, ":" in (by or ""))
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
