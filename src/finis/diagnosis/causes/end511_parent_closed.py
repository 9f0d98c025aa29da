"""The connection it belonged to ended.

## What happened
A secondary connection (FTP data, a pinhole) was removed with its control connection, or its
pinhole was not used in time.

## Evidence
The teardown reason (`Parent flow is closed`, `Pinhole Timeout`).

## Look-alikes
An idle timeout (END401) of an independent connection.

## Harm
None, unless the control connection itself ended wrongly.

## What to change
Nothing; see the control connection.

## References
Cisco ASA syslog 302014: Pinhole Timeout
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class ParentClosed(FirewallStated):
    id, name = "END511", "parent-closed"
    title = "the connection ended with the one it belonged to"
    reasons = ("parent",)
    harm = Harm.HARMLESS
    harm_why = "it had no purpose without the connection it belonged to"
    references = ("Cisco ASA syslog 302014: Pinhole Timeout",)
