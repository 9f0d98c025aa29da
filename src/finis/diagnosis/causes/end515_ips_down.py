"""The inspection module was down, and nothing may pass without it.

## What happened
Traffic of this class is sent to an inspection module (IPS, FirePOWER). The module did not work, and
the firewall's policy is to refuse what cannot be inspected (fail-close): it ended the connection.
No signature and no rule is to blame.

## Evidence
The teardown reason (ASA: `IPS fail-close`). 420001, 420006 and 434001 tell of single packets that
were dropped for the same reason (DNY110).

## Look-alikes
A module that works and objects to the traffic (END503).

## Harm
Harmful: whatever is to be inspected is cut off until the module works again.

## What to change
Bring the module back. Fail-open lets the traffic pass without inspection for as long as it is down.

## References
Cisco ASA syslog 302014: IPS fail-close; Cisco ASA command reference: ips, sfr, show module
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class InspectionModuleDown(FirewallStated):
    id, name = "END515", "inspection-module-down"
    title = "the inspection module was down, and nothing may pass without it"
    reasons = ("ips-down",)
    harm = Harm.HARMFUL
    harm_why = "to everybody whose traffic is to be inspected, until the module works again"
    remedy = {
        "ASA": "`show module` and `show module 1 details`: bring the module back; `ips inline"
        " fail-open` or `sfr fail-open` in the class lets traffic pass uninspected while it is"
        " down",
    }
    references = (
        "Cisco ASA syslog 302014: IPS fail-close",
        "Cisco ASA command reference: ips, sfr, show module",
    )
    not_this = ("not a signature: the module did not look at the traffic (END503)",)
