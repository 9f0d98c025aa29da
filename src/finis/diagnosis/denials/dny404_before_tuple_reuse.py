"""A segment of an old connection, refused just before its tuple was used again.

## What happened
A connection ended; some time later an ACK or RST about it was refused, and within seconds the same
addresses and ports carried a new connection. One host took the port again while the other still
remembered the old connection.

## Evidence
ACK or RST more than a second after the Teardown, and a new Built of the same tuple within three
seconds.

## Look-alikes
Segments that crossed the Teardown come within a second of it (DNY201, DNY204). If the old
connection carried nothing and the client itself reset it, see DNY502.

## Harm
Depends on whether the new connection worked.

## What to change
Where the firewall translates the client's port, it took the port again, for this host or another:
more addresses in the pool, or a longer pause. Else the client did: a wider range of its ports.

## References
RFC 6191 (TIME-WAIT and timestamps), RFC 9293 §3.6.1.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.diagnosis.telling import span
from finis.terms import Confidence, Harm


class BeforeTupleReuse(Cause):
    id = "DNY404"
    name = "before-tuple-reuse"
    title = "a segment of an old connection just before its ports were used again"
    table = "denials"
    beats = ("DNY201", "DNY204", "DNY209")
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "depends on whether the new connection worked"
    remedy = {
        "ASA": "where it translates the port: more addresses in the PAT pool, or a longer `timeout"
        " pat-xlate` (default 0:00:30), before it is given away again",
        "client": "where its own port is kept: a wider range of local ports (Linux"
        " `net.ipv4.ip_local_port_range`, with `net.ipv4.tcp_timestamps=1`)",
        "Windows": "the same: netsh int ipv4 set dynamicport tcp start=10000 num=55000",
    }
    references = ("RFC 6191", "RFC 9293 §3.6.1")

    @classmethod
    def where(cls) -> pl.Expr:
        again = pl.col("syn_after_s").is_between(0, _facts.REUSE_S)
        form = _facts.ack | _facts.rst
        return _facts.closed & form & again & (_facts.lag > _facts.SAME_MOMENT_S)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        again = story.row.get("syn_after_s")
        if again is None:
            return _words.history(story)
        built = f"The same tuple was built again {span(again)} after this line."
        return [*_words.history(story), Claim(built, (story.proof,))]
