"""The connection it belonged to ended.

## What happened
A secondary connection (FTP data, media of a call) was still open when its control connection ended,
and the firewall removed it, too. A transfer that is done closes its connection itself.

## Evidence
The teardown reason (`Parent flow is closed`). Data of it that the firewall refused afterwards shows
that it was still in use.

## Look-alikes
An idle timeout (END401) of an independent connection; a secondary connection that never came
(END520).

## Harm
Harmful, likely, where its data was refused afterwards: the transfer was cut off. Harmless where it
had carried nothing. Else it depends: the transfer may have been under way.

## What to change
See how the control connection ended: that is what to mend.

## References
Cisco ASA syslog 302014: Parent flow is closed; RFC 959 §4.1.1 (QUIT waits for the transfer)
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Confidence, Harm


class ParentClosed(FirewallStated):
    id, name = "END511", "parent-closed"
    title = "the connection ended with the one it belonged to"
    reasons = ("parent",)
    confidence = facts.confidence(
        # Refused data may also be a repetition of what had arrived.
        (pl.col("data_denied") > 0, Confidence.LIKELY),
        otherwise=Confidence.CERTAIN,
    )
    harm = facts.harm(
        (pl.col("data_denied") > 0, Harm.HARMFUL),
        (pl.col("log_bytes") == 0, Harm.HARMLESS),
        otherwise=Harm.DEPENDS,
    )
    harm_why = (
        "harmful if a transfer was under way, as refused data shows; harmless if nothing was"
        " transferred"
    )
    remedy = {
        "ASA": "see how the control connection between {client} and {server} ended: `show log`"
        " around this time",
    }
    references = ("Cisco ASA syslog 302014: Parent flow is closed", "RFC 959 §4.1.1")
    not_this = ("not a connection of its own that was idle: its control connection ended",)
