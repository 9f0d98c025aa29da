"""Whether a RST looks as if the host in whose name it came had sent it: its TTL and IP ID against
those of the host's other segments, where the capture holds them.

A TTL that differs by more than a change of route explains comes from another device, or from a host
that uses another TTL for such RSTs.  An IP ID of 0 alone says nothing: Linux sends it in a RST
without a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Claim
from finis.terms import Flag, Quirk, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Found, Story

_UNKNOWN = "TTL and IP ID of the RST against those of the {host}'s other segments"


def alien(story: Story, side: Side) -> bool:
    """Does the RST's TTL differ from those of the host's other segments, as in `facts.Half`?"""
    ttls = _ttls(story, side)
    if ttls is None:
        return False
    own, low, high = ttls
    return not low - facts.TTL_STEP <= own <= high + facts.TTL_STEP


def _ttls(story: Story, side: Side) -> tuple[int, int, int] | None:
    """Of the side's first RST, and the lowest and highest of its other segments."""
    own, low, high = (
        telling.column(story, side, name) for name in ("rst_ttl", "ttl_min", "ttl_max")
    )
    return (own, low, high) if own and low and high else None


def compared(story: Story, side: Side) -> list[Claim]:
    """The difference that was seen, if there is one."""
    ttls = _ttls(story, side)
    found = story.find(Role.RST, side)
    if found is None or ttls is None or not alien(story, side):
        return []
    own, low, high = ttls
    usual = f"{low}" if low == high else f"{low} to {high}"
    text = f"That RST has TTL {own}, the {telling.role(side)}'s other segments {usual}"
    numbers = _ip_ids(found)
    if numbers:
        least, most = min(numbers), max(numbers)
        series = f"{least}" if least == most else f"{least} to {most}"
        text += f"; its IP ID is {int(found.segment['ip_id'])}, theirs {series}"
    text += ": another device sent it, or a stack that begins such RSTs with another TTL."
    return [Claim(text, telling.proofs(story, Role.RST, side))]


def _ip_ids(found: Found) -> list[int]:
    """IP IDs of the host's other segments where the RST was seen; none if not all are known."""
    if found.segment["quirks"] & Quirk.NO_IP_ID:
        return []
    sent = found.seen.tail[found.seen.tail["side"] == found.segment["side"]]
    others = sent[(sent["flags"] & Flag.RST == 0) & (sent["quirks"] & int(Quirk.NO_IP_ID) == 0)]
    return [int(number) for number in others["ip_id"] if number]


def deciding(story: Story, side: Side) -> str:
    """What would tell the host from a device that answers in its name, beyond what was seen."""
    host = telling.role(side)
    ttls = _ttls(story, side)
    if ttls is None:
        return _UNKNOWN.format(host=host)
    own, low, high = ttls
    usual = f"{low}" if low == high else f"{low} to {high}"
    speaks = "for it" if alien(story, side) else "against a device elsewhere on the path"
    return (
        f"its TTL {own} beside {usual} of the {host}'s other segments speaks {speaks}; a capture "
        f"at the {host}: there such a RST does not leave"
    )


def in_front(story: Story, side: Side, letter: str = "") -> Alternative:
    """A device in front of the host, first among the alternatives where the TTL says so."""
    lead = f"{letter}{' (leading)' if alien(story, side) else ''}: " if letter else ""
    article = "a" if letter else "A"
    text = f"{lead}{article} device in front of the {telling.role(side)} answered in its name."
    return Alternative(text, deciding(story, side))
