"""The RST of an application that aborted its side as the connection ended.

## What happened
A host closed a socket with unread data in it, or with linger 0, or was killed. It sends a RST that
carries the ACK bit. The firewall had removed the connection a moment earlier, on the FINs or on an
earlier RST, and refused it.

## Evidence
`RST ACK` within one second of the Teardown; in packets: SEQ is the sender's next number, ACK what
it had received.

## Look-alikes
Some stacks (lwIP) set the ACK bit even when they have no state; only the SEQ tells. After a
Teardown by reset it may also be a second copy of that RST.

## Harm
Harmless as a denial: the connection was over on this side. Whether the abort cut a transfer short
is judged with the connection.

## What to change
Nothing on the firewall. The application could read to the end of the stream before closing.

## References
RFC 9293 §3.10.5 (abort), RFC 1122 §4.2.2.13, RFC 2525 §2.17.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, RstClass, Teardown, word

_form = pl.col("segment_rst_class")
_closer = pl.col("teardown_by")  # who sent the first FIN; in FIN-WAIT or TIME-WAIT none aborts
# The RST for which the firewall removed the connection had passed: what it refused was another.
_passed = _facts.after(*_facts.RESETS) & (pl.col("from_side") == _closer).fill_null(False)
_abort = (_form == word(RstClass.ABORT)) & ~_passed
_unseen = _form.is_null() | _form.is_in([word(RstClass.UNKNOWN), word(RstClass.NONE)])


class AbortAfterClose(Cause):
    id = "DNY207"
    name = "abort-after-close"
    title = "the RST of an application that aborted as the connection ended"
    table = "denials"
    beats = ("DNY204", "DNY404")
    confidence = (
        pl.when(_abort)
        # The line names no SEQ: of several RSTs at one moment another may be the one refused.
        .then(int(Confidence.LIKELY))
        .when((pl.col("teardown") == word(Teardown.FINS)) & (pl.col("from_side") != _closer))
        .then(int(Confidence.LIKELY))
        .otherwise(int(Confidence.POSSIBLE))
    )
    harm = Harm.HARMLESS
    harm_why = "harmless as a denial; what the abort cut short is judged with the connection"
    remedy = {
        "client": "read to the end of the stream before closing",
        "nginx": "lingering_close always, if responses are cut short",
        "HAProxy": "leave `option nolinger` out of the proxy: it closes with RST",
    }
    references = ("RFC 9293 §3.10.5", "RFC 1122 §4.2.2.13", "RFC 2525 §2.17")
    not_this = ("a host without state: its RST has no ACK bit, by RFC 9293 §3.10.7.1 (DNY205)",)

    @classmethod
    def where(cls) -> pl.Expr:
        log = _facts.closed & _facts.rst_ack & _facts.same_moment & _unseen
        return log | (_facts.closed & _facts.late & _facts.rst & _abort)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        if story.row.get("segment_rst_class") == word(RstClass.ABORT):
            return []
        text = (
            "It answers a segment that met no connection: some stacks and load balancers set the"
            " ACK bit in that answer, too."
        )
        return [_words.would_decide(story, text)]
