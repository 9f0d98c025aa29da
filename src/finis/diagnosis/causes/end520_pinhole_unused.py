"""A secondary connection was expected, and nothing came.

## What happened
Inspection of a control connection (FTP, SIP, H.323 …) opened the way for a secondary connection.
No packet of it came in time, and the firewall closed the way again.

## Evidence
The teardown reason (ASA: `Pinhole Timeout`).

## Look-alikes
A secondary connection that ended with its control connection (END511).

## Harm
Depends: the hosts may never have needed it, or it was refused elsewhere or came too late.

## What to change
Look where the secondary connection went; a longer timer if it came too late.

## References
Cisco ASA syslog 302014: Pinhole Timeout; Cisco ASA command reference: timeout
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class PinholeUnused(FirewallStated):
    id, name = "END520", "pinhole-unused"
    title = "a secondary connection was expected and did not come in time"
    reasons = ("pinhole",)
    harm = Harm.DEPENDS
    harm_why = "on whether the hosts needed the secondary connection"
    remedy = {
        "ASA": "if it was needed and came too late: `timeout sip_media` (SIP), `timeout h323`"
        " (H.323); if it never came: another path, or an access list before this firewall",
    }
    references = (
        "Cisco ASA syslog 302014: Pinhole Timeout",
        "Cisco ASA command reference: timeout",
    )
