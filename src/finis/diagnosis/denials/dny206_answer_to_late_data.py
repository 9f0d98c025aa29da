"""A host that had closed answered later data with a RST, and the firewall refused that RST.

## What happened
One side closed its socket entirely while the other was still sending. The data met no socket, and
the host answered with a RST. The firewall had already removed the connection.

## Evidence
The capture shows the RST: its SEQ equals the ACK of a data segment, usually one that came after the
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
from finis.terms import Answers, Confidence, Harm, RstClass, word


class AnswerToLateData(Cause):
    id = "DNY206"
    name = "answer-to-late-data"
    title = "a RST answering data that met no connection"
    table = "denials"
    beats = ("DNY204", "DNY315", "DNY404", "DNY901")
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "data sent after the close was not read; harmful if the peer needed it"
    remedy = {
        "client": "shut down the sending side, then read to the end of the stream",
        "nginx": "lingering_close always",
        "HAProxy": "leave `option nolinger` out of the proxy: it closes with RST",
        "Linux": "in the program: shutdown(SHUT_WR), read until end of file, then close; `ss -tn`"
        " shows unread bytes as Recv-Q",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
    }
    references = ("RFC 9293 §3.10.7.1", "RFC 1122 §4.2.2.13")

    @classmethod
    def where(cls) -> pl.Expr:
        form = pl.col("segment_rst_class")
        stateless = form.is_in([word(RstClass.NO_STATE), word(RstClass.NO_STATE_ACK)])
        data = (form == word(RstClass.DATA_AFTER_CLOSE)) | (
            stateless & (pl.col("segment_answers") == word(Answers.DATA))
        )
        return _facts.ended_or_unknown & _facts.rst & data

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
