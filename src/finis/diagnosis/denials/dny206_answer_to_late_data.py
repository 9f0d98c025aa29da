"""A host that had closed answered later data with a RST, and the firewall refused that RST.

## What happened
One side closed its socket entirely while the other was still sending. The data met no socket, and
the host answered with a RST. The firewall had already removed the connection.

## Evidence
The capture shows the RST: no ACK bit, SEQ equal to the ACK of a data segment that came after the
sender's own FIN.

## Look-alikes
DNY205 answers a FIN or an ACK, not data: nothing was lost there.

## Harm
Depends: data sent after the close was never read. If the transfer was complete in itself (an HTTP
response with its full length) nobody notices.

## What to change
Let the application that closes first shut down only its sending side and read until the peer
closes.

## References
RFC 9293 §3.10.7.1, RFC 1122 §4.2.2.13.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, RstClass, word


class AnswerToLateData(Cause):
    id = "DNY206"
    name = "answer-to-late-data"
    title = "a RST answering data that came after the close"
    table = "denials"
    beats = ("DNY204", "DNY404")
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "data sent after the close was not read; harmful if the peer needed it"
    remedy = {"client": "shut down the sending side, then read to the end of the stream"}
    references = ("RFC 9293 §3.10.7.1", "RFC 1122 §4.2.2.13")

    @classmethod
    def where(cls) -> pl.Expr:
        late_data = pl.col("segment_rst_class") == word(RstClass.DATA_AFTER_CLOSE)
        return _facts.closed & _facts.late & _facts.rst & late_data

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
