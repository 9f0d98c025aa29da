"""The receiver stopped reading: its window stayed closed.

## What happened
A side announced a window of zero and never opened it again; its peer could only ask, until it gave
up. The program on that side is stuck, or too slow.

## Evidence
The last window announced was zero, and the peer probed it or had data waiting.

## Look-alikes
A window of zero in a RST means nothing. A short zero window under load opens again.

## Harm
Harmful: the transfer stalled.

## What to change
Find out what the reading program was waiting for.

## References
RFC 9293 §3.8.6.1 (zero-window probing); RFC 6429.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ZeroWindow(Cause):
    id, name, table = "END406", "zero-window", "connections"
    title = "the receiver stopped reading: its window stayed closed"
    beats = (
        "END305",
        "END306",
        "END407",
        "END409",
        "END405",
        "END410",
        "END391",
        "END304",
        "END331",
    )
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "to the sender: the transfer stalled"
    remedy = {
        "application": "find out what the side with the closed window was waiting for",
        "Linux": "ss -tnmi on that host: a full receive queue (Recv-Q) of the socket",
        "Windows": "Resource Monitor, network: what the receiving process waits for",
        "nginx": "send_timeout 60s ends clients that read nothing; reset_timedout_connection on"
        " frees their memory",
        "HAProxy": "timeout client and timeout server end sessions that do not move; show sess all",
    }
    references = ("RFC 9293 §3.8.6.1", "RFC 6429")
    not_this = ("not loss on the path: the receiver answered, with a window of zero",)

    @classmethod
    def where(cls) -> pl.Expr:
        stuck = _stuck(facts.ORIG) | _stuck(facts.RESP)
        return facts.no(facts.peaceful()) & stuck & facts.whole()

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            if telling.column(story, side, "last_win0"):
                times = telling.column(story, side, "zero_windows") or 1
                text = (
                    f"{telling.upper(telling.who(story, side))} announced a window of zero "
                    f"{telling.count(times, 'time')}, and last of all."
                )
                shown = telling.proofs(story, Role.LAST_ACK, side)
                claims.append(Claim(text, shown, "RFC 9293 §3.8.6.1"))
        return [*claims, *telling.unacknowledged(story)]


def _stuck(side: facts.Half) -> pl.Expr:
    waited = (side.peer.col("unacked") > 0) | (side.col("zero_windows") > 1)
    return side.col("last_win0") & waited & facts.no(side.fin)
