"""The firewall reset an idle connection.

## What happened
The idle timer ran out and the firewall reset the connection towards both sides.

## Evidence
The teardown reason (ASA: `Flow timed out with reset`).

## Look-alikes
Silent removal (END401) leaves both sides in the dark.

## Harm
Depends: better than silence, since both sides know; the application must connect again.

## What to change
Keep-alive below the timer, or a longer timer for this class.

## References
Cisco ASA syslog 302014: Flow timed out with reset; Cisco firewall configuration guide: connection
settings
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.diagnosis.keepalives import keep_alives
from finis.terms import Harm


class IdleTimeoutReset(FirewallStated):
    id, name = "END402", "firewall-idle-reset"
    title = "the firewall ended the idle connection and told both sides"
    reasons = ("idle-timeout-reset",)
    harm = Harm.DEPENDS
    harm_why = "on whether the application opens a new connection by itself"
    remedy = {
        "ASA": "set connection timeout idle for the class of {server}, if the pauses are "
        "legitimate",
        "client": "keep-alives more often than the firewall's timer",
        **keep_alives(),
    }
    references = (
        "Cisco ASA syslog 302014: Flow timed out with reset",
        "Cisco firewall configuration guide: connection settings",
    )
