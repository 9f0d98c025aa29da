"""The server's SYN ACK came after the client had given the attempt up.

## What happened
A client opened a connection and withdrew it before the answer came: it used another address (Happy
Eyeballs), or its own timer was shorter than the path. The firewall removed the connection; the
SYN ACK, or its retransmission, is refused.

## Evidence
`SYN ACK` within two minutes of a Teardown by reset (usually with 0 bytes) of the same tuple.

## Look-alikes
After `SYN Timeout` the server was too slow for the firewall (DNY304). Without any connection before
it the SYN went another way (DNY401).

## Harm
Depends: a cancelled attempt is harmless; clients that regularly give up before the server answers
point to a slow path or server.

## What to change
Compare the client's timer with the time the server takes to answer.

## References
RFC 8305 (Happy Eyeballs), RFC 9293 §3.5.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class SynAckAfterAbort(Cause):
    id = "DNY208"
    name = "syn-ack-after-abort"
    title = "a SYN ACK for an attempt the client had given up"
    table = "denials"
    beats = ("DNY316",)
    confidence = _facts.choose(pl.col("conn_bytes") == 0, Confidence.LIKELY, Confidence.POSSIBLE)
    harm = Harm.DEPENDS
    harm_why = "harmless for a cancelled attempt; many of them mean the server answers too late"
    remedy = {"client": "compare its connect timer with the server's time to answer"}
    references = ("RFC 8305", "RFC 9293 §3.5")

    @classmethod
    def where(cls) -> pl.Expr:
        soon = (_facts.lag <= _facts.SYN_ACK_RETRY_S).fill_null(True)
        # After FINs or data the handshake had been completed: no attempt was given up.
        attempt = (pl.col("conn_bytes") == 0).fill_null(True)
        of_server = (pl.col("from_side") != "orig").fill_null(True)
        return _facts.after(*_facts.RESETS) & _facts.syn_ack & soon & attempt & of_server

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
