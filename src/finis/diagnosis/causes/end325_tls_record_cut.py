"""A FIN came in the middle of a TLS record.

## What happened
The header of a record announced more bytes than came before the FIN: the message was cut off, by
the sender's end or by something between. The receiver must not take what it got for the whole.

## Evidence
A segment that begins with a record header, as every record has in clear, with a length that reaches
beyond the FIN's sequence number; no closing alert. Whether records began at a segment's start is
told by the form of the header (type, version, length), not by following all before it.

## Look-alikes
Ciphertext that looks like a header by chance: one in some million segments. A close without
close_notify between two records (END209) may hide a cut as well.

## Harm
Harmful where the server's record was cut: the client's answer is incomplete. It depends where the
client's was: it gave up what it was sending.

## What to change
Look for a crash, a worker's end or a time limit at the sender at that moment, and for a proxy
between that closes with a FIN where it got a RST.

## References
RFC 8446 §5.1 and §6.1; RFC 9112 §9.8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class TlsRecordCut(Cause):
    id, name, table = "END325", "tls-record-cut", "connections"
    title = "a TLS record was cut off by the FIN of its sender"
    contributes = True
    beats = (
        *facts.ORDERLY, *facts.ORDERLY_WEAK, *facts.FIN_THEN_RST,
        "END204", "END301", "END391",
    )  # fmt: skip
    confidence = Confidence.LIKELY
    harm = facts.harm((facts.RESP.record_cut, Harm.HARMFUL), otherwise=Harm.DEPENDS)
    harm_why = (
        "harmful to the client where the server's record was cut: what it got is incomplete; where "
        "the client's own was, it depends on what it gave up"
    )
    remedy = {
        "server": "its log at that moment: a crash, a worker's end, a time limit for sending",
        "client": "take an answer that ends so for incomplete; repeat idempotent requests",
        "network": "a capture at the server: if its records are whole there, a proxy cut them",
    }
    references = ("RFC 8446 §5.1", "RFC 8446 §6.1", "RFC 9112 §9.8")
    not_this = ("not a missing close_notify alone: the record's own length was not reached",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.packets() & (facts.ORIG.record_cut | facts.RESP.record_cut)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.RESP, Side.ORIG):
            lacks = telling.column(story, side, "record_cut") or 0
            if lacks:
                text = (
                    f"When {telling.who(story, side)} sent its FIN, its last TLS record lacked "
                    f"{telling.count(lacks, 'byte')} of the length in its header."
                )
                shown = telling.proofs(story, Role.LAST_DATA, side)
                claims.append(Claim(text, shown, "RFC 8446 §5.1"))
        return [*claims, *telling.fins_and_rsts(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "Bytes within a record look like the header of one.",
                "the stream in a tool that follows records from the first on (tshark -z follow)",
            )
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))
