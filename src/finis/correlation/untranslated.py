"""Segments that passed a translating firewall untranslated: seen on its other side after all.

Connection tracking does not translate what it holds to be invalid.  Where nothing drops it, it is
forwarded as it came, and the other point shows it under the wrong tuple, as a connection of its
own.  Such a segment neither vanished at the firewall nor was made by it.
"""

from __future__ import annotations

import numpy as np

from finis.correlation.evidence import Evidence
from finis.correlation.keys import Array
from finis.correlation.pairing import LATE_TWIN_NS, MARGIN_NS
from finis.correlation.placing import Paired
from finis.correlation.stories import Pairing
from finis.terms import Flag


def settle(ev: Evidence, paired: Paired) -> None:
    """Take what the other point shows under the same, untranslated tuple out of the verdicts."""
    order: Array | None = None
    for story, pairings in paired.pairings.items():
        rows = paired.order[story]
        for pairing in pairings:
            ends = rows[pairing.near], rows[pairing.far]
            # Where both sides have one tuple the segments would have been paired.
            if not (pairing.created or pairing.vanished) or ev.key[ends[0]] == ev.key[ends[1]]:
                continue
            order = np.argsort(ev.key, kind="stable") if order is None else order
            passed = 0
            for places in (pairing.created, pairing.vanished):
                for place in [one for one in places if _passed(ev, order, rows, pairing, one)]:
                    places.remove(place)
                    passed += 1
            if passed:
                what = "1 segment was" if passed == 1 else f"{passed} segments were"
                pairing.changed.append(f"{what} forwarded without translation: another connection")


def _passed(
    ev: Evidence, order: Array, rows: list[int], pairing: Pairing, place: tuple[int, int]
) -> bool:
    """Does the point across the firewall show this segment as it is here?"""
    which, at = place
    here = rows[which]
    there, step = rows[pairing.far], pairing.clock_ns
    if which == pairing.far:
        there, step = rows[pairing.near], -pairing.clock_ns
    segment = ev.tail[int(ev.start[here]) + at]
    when = int(segment["ts_ns"]) + step
    slack = LATE_TWIN_NS + pairing.clock_slack_ns + MARGIN_NS
    low, high = (np.searchsorted(ev.key, ev.key[here], side, order) for side in ("left", "right"))
    others = order[low:high]
    for row in others[ev.unit[others] == ev.unit[there]].tolist():
        tail = ev.tail[int(ev.start[row]) : int(ev.stop[row])]
        same = (tail["flags"] == segment["flags"]) & (tail["seq"] == segment["seq"])
        same &= tail["payload_len"] == segment["payload_len"]
        if segment["flags"] & Flag.ACK:
            same &= tail["ack"] == segment["ack"]
        if (np.abs(tail["ts_ns"][same] - when) <= slack).any():
            return True
    return False
