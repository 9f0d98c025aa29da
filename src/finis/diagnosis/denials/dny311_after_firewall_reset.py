"""A segment that crossed the firewall's own reset.

## What happened
The firewall ended the connection itself and sent RSTs to both hosts (by configuration, or because
its idle timer is set to reset). Segments that were on their way, or a host that did not take the
RST, are refused.

## Evidence
A Teardown that names the firewall as the one that reset (`TCP Reset - APPLIANCE`, `Flow timed out
with reset`), then a segment of the same tuple.

## Look-alikes
After an idle timeout without reset the hosts know nothing (DNY301).

## Harm
Depends on why the firewall reset it; the refused segment itself is a consequence. Data repeated
three times or more means that the host did not get or not take the RST.

## What to change
Look at the reason for the reset.

## References
RFC 9293 §3.5.2, RFC 5961 §3 (which RSTs a host must accept).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown


class AfterFirewallReset(Cause):
    id = "DNY311"
    name = "after-firewall-reset"
    title = "a segment after the firewall itself had reset the connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.CERTAIN
    harm = _facts.choose(
        (_facts.data | _facts.ack) & (pl.col("repeats") >= 3), Harm.HARMFUL, Harm.DEPENDS
    )
    harm_why = "depends on why the firewall reset it; repeated, the host did not take the RST"
    remedy = {"ASA": "`show service-policy`, `show conn detail`: which rule resets these"}
    references = ("RFC 9293 §3.5.2", "RFC 5961 §3", "Cisco ASA syslog message 302014")

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(Teardown.RESET_DEVICE, Teardown.IDLE_TIMEOUT_RESET)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
