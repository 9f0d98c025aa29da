"""Data came after the firewall had forgotten the connection: the sender was still writing.

## What happened
The connection ended by FINs or by a reset while one side still had data under way or went on
sending. The firewall removed the connection and refuses the rest.

## Evidence
`PSH ACK` within minutes of the Teardown of the same tuple. Repetitions mean that the sender gets no
answer and retransmits.

## Look-alikes
A retransmission of data that had arrived is harmless, one of data that had not is a loss; the log
cannot tell them apart. Data after an idle timeout is DNY301 and always a loss.

## Harm
Depends on whether the receiver still wanted it: after its own reset it did not. Refused three times
or more it is harmful: the sender keeps trying, and neither delivers nor learns that it is over.

## What to change
Let the application that closes first read to the end of the stream (shutdown of its sending side,
then read until the peer closes).

## References
RFC 9293 §3.6, RFC 1122 §4.2.2.13 (closing with unread data).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class LateData(Cause):
    id = "DNY203"
    name = "late-data"
    title = "data arrived after the firewall had removed the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.LIKELY
    harm = _facts.choose(pl.col("repeats") >= 3, Harm.HARMFUL, Harm.DEPENDS)
    harm_why = "depends on whether the receiver still wanted it; repeated, the sender is stuck"
    remedy = {
        "client": "where it ended the connection: read to the end of the stream before closing",
        "server": "where it ended the connection: drain before closing (nginx: `lingering_close"
        " always`)",
        "nginx": "where the server ended it: lingering_close always; lingering_timeout 5s",
        "HAProxy": "leave `option nolinger` out of the proxy: it closes with RST",
        "Linux": "in the program: shutdown(SHUT_WR), read until end of file, then close; `ss -tn`"
        " shows unread bytes as Recv-Q",
        "Windows": "shutdown(SD_SEND), recv until it returns 0, then closesocket",
    }
    references = ("RFC 9293 §3.6", "RFC 1122 §4.2.2.13", "Cisco ASA syslog message 106015")
    not_this = ("data after an idle timeout: there the Teardown states one (DNY301)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.closed & _facts.late & _facts.data

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            _words.would_decide(
                story, "It is a retransmission of data that had arrived, not new data."
            )
        ]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story)
