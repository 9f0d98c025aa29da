"""One connection as steps: each segment once, with every point that saw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.correlation.stories import Proof, Seen, Story
from finis.records import dataclass, field
from finis.terms import Flag, Kind, Quirk, Role, Side

if TYPE_CHECKING:
    import numpy as np


@dataclass(slots=True)
class Step:
    """A segment on its way. `at` holds what each point saw of it, by index into Story.seen."""

    side: Side
    at: dict[int, np.void] = field(default_factory=dict)
    fate: str = ""  # vanished, created, unjudged or empty
    ts_ns: int = 0  # reference clock, at the point nearest to its sender
    proofs: list[Proof] = field(default_factory=list)

    @property
    def segment(self) -> np.void:
        """As the point nearest to its sender saw it."""
        near = min(self.at) if self.side == Side.ORIG else max(self.at)
        return self.at[near]

    @property
    def flags(self) -> Flag:
        return Flag(int(self.segment["flags"]))


def steps(story: Story) -> list[Step]:
    """The kept segments in order of time at the point nearest to each sender; ties keep the
    order of the capture.  Segments that pairing joined are one step."""
    owner: dict[tuple[int, int], Step] = {}
    for number, seen in enumerate(story.seen):
        for row, segment in enumerate(seen.tail):
            step = Step(Side(int(segment["side"]) ^ int(seen.flipped)), {number: segment})
            owner[number, row] = step
    for pairing in story.pairings:
        for near, far in pairing.pairs:
            first, second = owner[pairing.near, near], owner[pairing.far, far]
            if first is second:
                continue
            first.at.update(second.at)
            for place, step in owner.items():
                if step is second:
                    owner[place] = first
        for fate, places in (
            ("vanished", pairing.vanished),
            ("created", pairing.created),
            ("unjudged", pairing.unjudged),
        ):
            for place in places:
                if len(owner[place].at) == 1:
                    owner[place].fate = fate
    return _ordered(story, owner)


def _ordered(story: Story, owner: dict[tuple[int, int], Step]) -> list[Step]:
    """Sort by reference time, never against the order of any one capture."""
    unique: dict[int, Step] = {id(step): step for step in owner.values()}
    for step in unique.values():
        near = min(step.at) if step.side == Side.ORIG else max(step.at)
        step.ts_ns = int(step.at[near]["ts_ns"]) + story.seen[near].shift_ns
        step.proofs = [story.seen[n].proof(step.at[n]) for n in sorted(step.at)]
    rank: dict[int, int] = {}
    for (_number, row), step in sorted(owner.items(), key=lambda item: item[0]):
        rank.setdefault(id(step), row)
    return sorted(unique.values(), key=lambda step: (step.ts_ns, rank[id(step)]))


def ending_start(walk: list[Step]) -> int:
    """Index of the first FIN or RST; of the first step where there is none."""
    for number, step in enumerate(walk):
        if step.flags & (Flag.FIN | Flag.RST):
            return number
    return 0


def flag_words(step: Step) -> str:
    """``FIN ACK``; the ACK bit is named only where it decides (RST) or stands alone."""
    flags = step.flags
    names = [name for name in ("SYN", "FIN", "RST") if flags & Flag[name]]
    if not names and step.segment["payload_len"]:
        names = ["PSH" if flags & Flag.PSH else "data"]
    if flags & Flag.ACK:
        names.append("ACK")
    return " ".join(names) or "no flags"


def numbers(step: Step) -> str:
    """SEQ, ACK, length and window as printed in the capture of the nearest point."""
    segment = step.segment
    parts = []
    if not segment["quirks"] & Quirk.NO_SEQ:
        parts.append(f"seq {segment['seq']}")
    if step.flags & Flag.ACK:
        parts.append(f"ack {segment['ack']}")
    if segment["payload_len"]:
        parts.append(f"len {segment['payload_len']}")
    if not segment["quirks"] & Quirk.NO_WIN:
        parts.append(f"win {segment['win']}")
    return "  ".join(parts)


def seen_at(story: Story, step: Step) -> list[Seen]:
    """The points that saw the step, nearest to orig first."""
    return [story.seen[number] for number in sorted(step.at)]


__all__ = ["Kind", "Role", "Step", "ending_start", "flag_words", "numbers", "seen_at", "steps"]
