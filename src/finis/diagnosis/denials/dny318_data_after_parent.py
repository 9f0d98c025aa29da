"""Data of a secondary connection, which had been removed with its control connection.

## What happened
A secondary connection (the data connection of FTP) was still carrying data when its control
connection ended. The firewall removed both, and what came then was refused.

## Evidence
A Teardown `Parent flow is closed`, then data of the same tuple.

## Look-alikes
An ACK, FIN or RST after it (DNY316) tells nothing of a transfer. Data after FINs or a reset of the
connection itself is DNY203.

## Harm
Harmful, likely: the transfer was cut off. A repetition of data that had arrived looks the same.

## What to change
See how the control connection ended: that is what to mend.

## References
RFC 959 §4.1.1 (QUIT waits for the transfer); Cisco ASA syslog 302014: Parent flow is closed.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm, Teardown


class DataAfterParent(Cause):
    id = "DNY318"
    name = "data-after-parent"
    title = "data of a connection that was removed with its control connection"
    table = "denials"
    beats = ("DNY316",)
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "to the transfer, which was cut off"
    remedy = {"ASA": "see how the control connection ended: `show log` around this time"}
    references = ("RFC 959 §4.1.1", "Cisco ASA syslog message 302014")
    not_this = ("a late ACK or FIN: no data was refused (DNY316)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.after(Teardown.PARENT) & (_facts.data | _facts.fin_data)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return _words.history(story)
