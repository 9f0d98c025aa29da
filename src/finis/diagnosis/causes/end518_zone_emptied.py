"""The zone that carried the connection lost its last interface.

## What happened
Somebody took the last interface out of a traffic zone, or its name from it. The firewall removed
the connections of that zone.

## Evidence
The teardown reason (ASA: `No interfaces associated with zone`).

## Look-alikes
A route that changed (END602), without anybody at the configuration.

## Harm
Harmful where a host still sends on it and is refused. Else it depends on whether the connection was
in use, and whether the change was meant.

## What to change
Look at the configuration of the zone, and who changed it.

## References
Cisco ASA syslog 302014: No interfaces associated with zone; Cisco ASA syslog 111008, 111010
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated, still_used


class ZoneEmptied(FirewallStated):
    id, name = "END518", "zone-emptied"
    title = "the zone that carried the connection lost its last interface"
    reasons = ("zone",)
    harm = still_used()
    harm_why = "harmful if a side still used it (its segments are refused); harmless if none did"
    remedy = {
        "ASA": "`show zone`, and messages 111008, 111010 of this time: who entered `no zone-member`"
        " or `no nameif`",
    }
    references = (
        "Cisco ASA syslog 302014: No interfaces associated with zone",
        "Cisco ASA syslog 111008, 111010",
    )
    not_this = ("not a route change: the configuration was changed (END602)",)
