"""What preceded the denial is not in the log: nothing can be concluded yet.

## What happened
The firewall refused a segment that met no connection. Whether there had been one, and how it ended,
the log cannot say: it begins later, does not contain Built and Teardown messages, or has gaps.

## Evidence
No Built or Teardown of the tuple, and a log that could not have shown them. The reason stands in
the evidence of every example. Or a segment to an address that the firewall itself translates
connections to: no other path can have opened its connection.

## Look-alikes
If the log could have shown a connection and does not, the segment took another path (DNY401 to
DNY403).

## Harm
Depends on what is missing: a late segment is harmless, one after an idle timeout is not.

## What to change
Log what is needed to decide, and read the log from before the connection began.

## References
Cisco ASA syslog messages 302013 and 302014.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis import missing
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class HistoryUnknown(Cause):
    id = "DNY901"
    name = "history-unknown"
    title = "the log does not show what came before: undetermined"
    table = "denials"
    confidence = Confidence.POSSIBLE
    harm = Harm.DEPENDS
    harm_why = "cannot be told without the connection's history"
    remedy = {
        "ASA": "`logging trap informational` (302013, 302014), no rate limit on them, and a log"
        " that begins before the connection",
        "netfilter": "`conntrack -E -o timestamp,id` running, with a buffer that loses nothing "
        "(`-b`), and a log that begins before the connection",
    }
    references = ("Cisco ASA syslog messages 302013, 302014, 106015",)

    @classmethod
    def where(cls) -> pl.Expr:
        cannot_tell = (pl.col("seen_before") != "no").fill_null(True)
        form = _facts.ack | _facts.data | _facts.fin
        return _facts.state & (
            (_facts.unknown_tuple & cannot_tell) | (_facts.to_own_mapping & form)
        )

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        why = story.row.get("unknown_why") or "the log shows no Built or Teardown of this tuple"
        built = _words.own_mapping(story)
        if built:
            why = "its connection was opened before the log reaches, was not logged, or never was"
        if story.row.get("pending_syn") and story.row.get("torn_logged") is False:
            why = "its log has no Teardown at all, so that nothing tells when connections ended"
            built = _words.built(story)
        return [*_words.history(story), *built, Claim(f"Undetermined: {why}.", (story.proof,))]

    @classmethod
    def missing(cls, story: Refusal) -> list[str]:
        return [*missing.log_levels(story.row.get("product")), *_words.captures(story)]
