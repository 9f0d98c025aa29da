"""The firewall blocked the exchange by which two hosts clear up an old connection.

## What happened
A client used a port again while the server still held the old connection. The server answered the
SYN with an ACK about the old one (a challenge ACK), the client replied with a RST to clear it, and
the firewall, which knows only the new connection, refused the ACK or the RST. The client repeats
its SYN, and fails again.

## Evidence
From the log: a connection without any bytes, reset by the client, then a refused bare RST of the
client or ACK of the server, and a new Built of the same tuple within ten seconds. From an asp-drop
capture: `tcp-rstfin-ooo`, `tcp-invalid-ack`, `tcp-3whs-failed`, `tcp-ack-syn-diff` on a RST or ACK.

## Look-alikes
A refused port: the server resets it, not the client. The drop names alone also stand for segments
reordered or corrupted on the way.

## Harm
Harmful: the client cannot connect until the server's old connection times out. From a drop name
alone it depends.

## What to change
Keep the client from reusing ports so soon, let the server end old connections (keep-alives), or
bypass the state check for this pair.

## References
RFC 5961 §3.2, §4.2 (challenge ACK), RFC 9293 §3.10.7.4.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown

_DROPS = (
    "tcp-rstfin-ooo",
    "tcp-invalid-ack",
    "tcp-3whs-failed",
    "tcp-ack-syn-diff",
    "tcp-discarded-ooo",
)
_drop = _facts.drop(*_DROPS) & (_facts.bare_rst | _facts.ack)
_story = pl.col("conn_cause") == "END107"  # the connection itself shows the blocked exchange
_from = pl.col("from_side")
_log = (
    _facts.after(Teardown.RESET_ORIG)
    & (pl.col("conn_bytes") == 0)
    & ((_facts.bare_rst & (_from == "orig")) | (_facts.ack & (_from == "resp")))
    & pl.col("syn_after_s").is_between(0, _facts.SYN_RETRY_S)
)


class ChallengeAckDenied(Cause):
    id = "DNY502"
    name = "challenge-ack-denied"
    title = "the clearing of an old connection (challenge ACK, RST) was blocked"
    table = "denials"
    beats = ("DNY201", "DNY205", "DNY206", "DNY207", "DNY404", "DNY501", "DNY503")
    confidence = _facts.choose(_log | _story, Confidence.LIKELY, Confidence.POSSIBLE)
    harm = _facts.choose(_log | _story, Harm.HARMFUL, Harm.DEPENDS)
    harm_why = (
        "if it is this, the client cannot connect until the server forgets the old connection"
    )
    remedy = {
        "client": "a wider range of local ports, no fixed source port",
        "server": "keep-alives, so that old connections end before their ports come back",
        "ASA": "`set connection advanced-options tcp-state-bypass` for this pair as a last resort",
        "netfilter": "`sysctl net.netfilter.nf_conntrack_tcp_be_liberal=1`, as a last resort",
    }
    references = ("RFC 5961 §3.2, §4.2", "RFC 9293 §3.10.7.4", "Cisco bug CSCwj61793")
    not_this = ("a refused port: there the server sends the reset",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _log | _drop

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [*_words.history(story), *_words.drop_reason(story)]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return _words.captures(story, drop="tcp-rstfin-ooo")
