"""The connection it belonged to ended.

## What happened
A secondary connection (FTP data, a pinhole) was removed with its control connection, or its
pinhole was not used in time.

## Evidence
The teardown reason (`Parent flow is closed`, `Pinhole Timeout`).

## Look-alikes
An idle timeout (END401) of an independent connection.

## Harm
None where the control connection is gone. A pinhole that timed out unused depends: the secondary
connection may have been refused elsewhere.

## What to change
Nothing; see the control connection.

## References
Cisco ASA syslog 302014: Pinhole Timeout
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class ParentClosed(FirewallStated):
    id, name = "END511", "parent-closed"
    title = "the connection ended with the one it belonged to"
    reasons = ("parent",)
    harm = facts.harm(
        (pl.col("teardown_reason").str.contains("(?i)parent"), Harm.HARMLESS),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "none with its parent gone; a pinhole that nobody used may have been needed"
    remedy = {
        "ASA": "a longer `timeout sip_media` or `timeout h323` (the pinhole's own), or the"
        " inspection that opens it, if it was needed",
    }
    references = ("Cisco ASA syslog 302014: Pinhole Timeout",)
