"""The server answered the SYN, but only after the firewall had given up waiting.

## What happened
A SYN went through, no answer came within the firewall's embryonic timer (30 s by default), and the
firewall removed the connection. Then the SYN ACK arrived and was refused.

## Evidence
A Teardown `SYN Timeout` of the tuple, then `SYN ACK` from the server's side, no new Built between.

## Look-alikes
SYN ACK without any SYN before it: the SYN took another path (DNY401). Where the firewall
says that a SYN ACK had passed (netfilter: SYN_RECV), this one is a repetition.

## Harm
Harmful: the client could not connect. Depends where an earlier SYN ACK had passed.

## What to change
Find why the server or the path takes so long: overload, a full accept queue, a slow WAN, a
connection set up on demand. Raising the embryonic timer only hides it.

## References
RFC 9293 §3.5, RFC 6298 §5 (SYN retransmission).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown, word


class SynAckAfterSynTimeout(Cause):
    id = "DNY304"
    name = "syn-ack-after-syn-timeout"
    title = "a SYN ACK that came after the firewall's SYN timeout"
    table = "denials"
    beats = ("DNY316",)
    confidence = _facts.choose(
        _facts.lag <= _facts.SYN_ACK_RETRY_S, Confidence.LIKELY, Confidence.POSSIBLE
    )
    # Where one had passed before, this is a repetition, and the client is what is missing.
    harm = _facts.choose(
        pl.col("teardown") == word(Teardown.SYN_ACK_TIMEOUT), Harm.DEPENDS, Harm.HARMFUL
    )
    harm_why = "harmful where there is a client at that address: it could not connect"
    remedy = {
        "server": "find what delays its answer (load, accept queue, path)",
        "ASA": "`set connection timeout embryonic 0:01:00` for a class matching this service, only"
        " as long as the delay is unexplained",
        "netfilter": "a `ct timeout` policy with a longer syn_sent (of an entry that ended in "
        "SYN_RECV: syn_recv) for this service, only as long as the delay is unexplained",
    }
    references = ("RFC 9293 §3.5", "RFC 6298 §5", "Cisco ASA syslog messages 302014, 106015")
    not_this = ("asymmetric routing: there the SYN never passed this firewall (DNY401)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(*_facts.EMBRYONIC) & _facts.syn_ack

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        return [
            Alternative(
                "It is a repetition: earlier SYN ACKs had passed and the client answered none"
                " (a forged source, or one that had gone).",
                "a capture on the client's side: SYN ACKs 1, 3, 7 and 15 s after the SYN",
            )
        ]
