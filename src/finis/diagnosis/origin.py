"""Whether a RST looks as if the host in whose name it came had sent it: its TTL and IP ID against
those of the host's other segments, where the capture holds them.

A TTL that differs by more than a change of route explains comes from another device, or from a host
that uses another TTL for such RSTs.  An IP ID of 0 alone says nothing: Linux sends it in a RST
without a connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Claim
from finis.terms import Flag, Quirk, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Found, Story

_UNKNOWN = "TTL and IP ID of the RST against those of the {host}'s other segments"


class Ttls(NamedTuple):
    """Of a side's first RST, and the lowest and highest of its other segments."""

    own: int
    low: int
    high: int

    @property
    def usual(self) -> str:
        """``64``, ``60 to 64``: of the other segments."""
        return f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"

    @property
    def alien(self) -> bool:
        """Does the RST's differ from the others, as in `facts.Half.alien_rst_ttl`?"""
        return not self.low - facts.TTL_STEP <= self.own <= self.high + facts.TTL_STEP


def ttls(story: Story, side: Side) -> Ttls | None:
    """None where one of them is not known."""
    own, low, high = (
        telling.column(story, side, name) for name in ("rst_ttl", "ttl_min", "ttl_max")
    )
    return Ttls(own, low, high) if own and low and high else None


def alien(story: Story, side: Side) -> bool:
    """Is the RST's TTL known, and not the host's?"""
    seen = ttls(story, side)
    return seen is not None and seen.alien


def compared(story: Story, side: Side) -> list[Claim]:
    """The difference that was seen, if there is one."""
    seen = ttls(story, side)
    found = story.find(Role.RST, side)
    if found is None or seen is None or not seen.alien:
        return []
    text = f"That RST has TTL {seen.own}, the {telling.role(side)}'s other segments {seen.usual}"
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
    seen = ttls(story, side)
    if seen is None:
        return _UNKNOWN.format(host=host)
    speaks = "for it" if seen.alien else "against a device elsewhere on the path"
    return (
        f"its TTL {seen.own} beside {seen.usual} of the {host}'s other segments speaks {speaks}; "
        f"a capture at the {host}: there such a RST does not leave"
    )


def in_front(story: Story, side: Side, letter: str = "") -> Alternative:
    """A device in front of the host, first among the alternatives where the TTL says so."""
    lead = f"{letter}{' (leading)' if alien(story, side) else ''}: " if letter else ""
    article = "a" if letter else "A"
    text = f"{lead}{article} device in front of the {telling.role(side)} answered in its name."
    return Alternative(text, deciding(story, side))
