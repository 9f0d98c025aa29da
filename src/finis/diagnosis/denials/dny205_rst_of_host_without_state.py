"""A host that had already forgotten the connection answered the peer's last segment with a RST.

## What happened
One side closed first and waited for the other. When the other's FIN came, the first side had no
state left for the connection, so it answered as RFC 9293 prescribes for a segment that meets no
connection: a RST without ACK bit whose SEQ is the ACK of the segment answered. The firewall had
removed the connection the moment it saw both FINs, and refused that RST.

## Evidence
From packets: the refused RST carries no ACK bit, and its SEQ equals the ACK of the FIN it answers.
From the log alone: `flags RST` (bare), in the same second as a Teardown `TCP FINs` or one second
after it, from the side that closed first. A RST is never answered with a RST (RFC 9293 §3.10.7.1),
so if FIN and RST of the peer came together, the FIN is what was answered.

## Look-alikes
An abort carries the ACK bit (DNY207). The answer to data after a close is DNY206. If the peer's RST
overtook its FIN behind the capture point, the host lost its state to that RST and answered the FIN
in the same way: the host still had no state, but for another reason.

## Harm
Harmless: both sides had closed, and the RST was addressed to a socket already gone.

## What to change
Nothing is needed. To see fewer of them, let the first closer keep its FIN-WAIT-2 state longer, let
the other side close sooner after it has read the end of the stream, or let the firewall remember
closed connections for some seconds.

## References
RFC 9293 §3.10.7.1 (a segment that meets no connection), §3.6.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Answers, Confidence, Harm, RstClass, Teardown, word

_form = pl.col("segment_rst_class")
_answers = pl.col("segment_answers")
_seen = _form.is_in([word(RstClass.NO_STATE), word(RstClass.NO_STATE_ACK)]) & (
    _answers.is_null() | (_answers != word(Answers.DATA))
)
_unseen = _form.is_null() | _form.is_in([word(RstClass.UNKNOWN), word(RstClass.NONE)])
# Where the capture has just begun, the RST may answer what was sent before.
_proven = (
    (_form == word(RstClass.NO_STATE))
    & (_answers == word(Answers.FIN))
    & ~pl.col("segment_near_start").fill_null(False)
)
_first_closer = (pl.col("from_side") == pl.col("teardown_by")).fill_null(True) | (
    ~pl.col("teardown_by").is_in(["orig", "resp"])
)


class RstOfHostWithoutState(Cause):
    id = "DNY205"
    name = "rst-of-host-without-state"
    title = "a RST from a host that had already forgotten the connection"
    table = "denials"
    beats = ("DNY204", "DNY315", "DNY404", "DNY901")
    confidence = (
        pl.when(_proven)
        .then(int(Confidence.CERTAIN))
        .when(_seen | _first_closer)
        .then(int(Confidence.LIKELY))
        .otherwise(int(Confidence.POSSIBLE))
    )
    harm = Harm.HARMLESS
    harm_why = "harmless: the connection was over, the RST went to a socket already gone"
    remedy = {
        "anyone": "leave it",
        "ASA": "`sysopt connection timewait` keeps a normally closed connection for at least 15 s"
        " and may absorb this denial (not documented for one that ended FIN, FIN, RST); `logging"
        " message 106015 level debugging` quietens it, but hides data after idle timeouts and"
        " asymmetric routing as well",
        "netfilter": "drop `ct state invalid tcp flags & rst == rst` in a rule of its own, without "
        "a log line; other invalid segments stay visible",
        "server": "keep FIN-WAIT-2 longer (Linux `tcp_fin_timeout`, load balancer FIN timer)",
        "client": "close soon after the end of the stream was read",
    }
    references = ("RFC 9293 §3.10.7.1, §3.6", "Cisco ASA syslog message 106015")
    not_this = (
        "an answer to the peer's RST: a RST is never answered with a RST",
        "a missing TLS close_notify: it cannot make a TCP stack send a RST",
        "an abort by a process: stacks set the ACK bit of that RST",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        # A capture that shows the RST and the FIN it answers proves it without the log's history.
        packets = (_facts.ended_or_unknown & _facts.rst & _seen) & (_facts.closed | _proven)
        log = _facts.after(Teardown.FINS) & _facts.bare_rst & _facts.same_moment & _unseen
        return packets | log

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        row = story.row
        claims = _words.history(story)
        if row.get("segment_rst_class") not in _words.FORMS:
            text = "It carries no ACK bit: the form of an answer that meets no connection."
            claims.append(Claim(text, (story.proof,), _words.NO_CONNECTION_RULE))
        if row.get("teardown_by") in ("orig", "resp") and story.teardown:
            first = row["teardown_by"] == row.get("from_side")
            text = (
                f"By the Teardown {'its sender' if first else 'the other side'} had closed first."
            )
            claims.append(Claim(text, (story.teardown,)))
        return claims

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        first = (
            "The host had freed its state early: a short FIN-WAIT-2 timer, or a load balancer or"
            " proxy in its address."
        )
        other = "A RST of the peer overtook its FIN and had removed the state just before."
        decide = "a capture on the host itself, or the lag between FINs over many connections"
        found = [Alternative(first, decide), Alternative(other, decide)]
        if story.row.get("segment_answers") is None:
            late = (
                "It answers data, not a FIN: the peer was still sending when this host had closed,"
                " and the last of it was not read (DNY206)."
            )
            found.append(_words.would_decide(story, late))
        return found

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        if story.row.get("segment_rst_class") == word(RstClass.NO_STATE):
            return []
        return _words.captures(story)
