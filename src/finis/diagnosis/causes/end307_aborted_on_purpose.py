"""A side aborted although nothing had reached it that could be unread.

## What happened
A process ends a connection with a RST for two reasons: data that it has not read, or because it
was told to (`SO_LINGER` with a time of zero, `abort` of a library, `ss -K`). The other side had
sent no byte, so only the second remains. Health checks, brokers and scanners do so to save a
TIME-WAIT.

## Evidence
A RST of a live socket without FIN before it, and no payload of the other side in the whole
connection.

## Look-alikes
A RST with unread data looks the same as soon as the other side has sent a byte: then the two cannot
be told apart (END305, END306). A side that gave up on unanswered probes or retransmissions is
END408 or END407.

## Harm
Harmless where nothing was to be said; depends where the side's own request was still open.

## What to change
Nothing for a health check. Else look for `SO_LINGER` in the program's socket options; do not use
it to avoid TIME-WAIT.

## References
RFC 9293 §3.10.5 (ABORT); RFC 1122 §4.2.2.13; POSIX SO_LINGER; lab scenario linger-zero-client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.causes import _aborts
from finis.terms import Confidence, Harm, Side, word

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class AbortedOnPurpose(Cause):
    id, name, table = "END307", "aborted-on-purpose", "connections"
    title = "aborted with nothing unread: SO_LINGER of zero, or the like"
    only_contributes = True
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "on whether the side's own data was still under way"
    remedy = {
        "application": "close without SO_LINGER of zero; TIME-WAIT is cheap",
        "HAProxy": "option nolinger sends such RSTs: leave it out; a check that is closed with a "
        "RST needs a check of its own (option httpchk)",
        "load balancer": "a health check that closes with FIN, where the RSTs disturb",
    }
    references = ("RFC 9293 §3.10.5", "RFC 1122 §4.2.2.13", "POSIX: SO_LINGER")
    not_this = ("not unread data: the other side had sent none",)

    @classmethod
    def where(cls) -> pl.Expr:
        whole = facts.no(pl.col("midstream")) & facts.no(pl.col("capture_loss"))
        return whole & (_chosen(facts.ORIG) | _chosen(facts.RESP))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        side = Side.RESP if story.row.get("reset_by") == word(Side.RESP) else Side.ORIG
        text = f"{telling.upper(telling.who(story, Side(1 - side)))} had sent no data: nothing was"
        return [*telling.rst(story, side), Claim(text + " unread.", (), "RFC 1122 §4.2.2.13")]


def _chosen(side: facts.Half) -> pl.Expr:
    return (
        _aborts.aborted_without_fin(side)
        & (side.peer.bytes == 0)
        & facts.no(side.peer.fin)
        & (side.col("keep_alives") == 0)
        & (side.col("rexmit") == 0)
    )
