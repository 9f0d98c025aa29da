"""A URL filter or the authorisation of its user denied the connection.

## What happened
The firewall let the connection be made, then asked a URL filter or an authorisation server about
the request or its user, and was told to deny it.

## Evidence
The teardown reason (ASA: `Unauth Deny`, `Uauth Deny`). FTD: an event whose rule says `Block`,
where packets of both sides had passed: the rule asks for something that they showed.

## Look-alikes
A SYN refused by an access list never becomes a connection. `Deny Terminate` is the work of an
inspection (END502).

## Harm
Depends: the policy may be right.

## What to change
Correct the filter, the user's rights, or the client.

## References
Cisco ASA syslog 302014: Unauth Deny; 304002, 109025; Cisco FTD syslog 430002, 430003.
"""

from __future__ import annotations

from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Harm


class PolicyDenied(FirewallStated):
    id, name = "END506", "policy-terminated"
    title = "a rule, a URL filter or the user's authorisation denied the connection"
    reasons = ("policy",)
    harm = Harm.DEPENDS
    harm_why = "on whether the policy means this connection"
    remedy = {
        "ASA": "messages 304002 (URL filter) or 109025 (authorisation) of this time, `show"
        " url-server statistics`, `show uauth`; the filter or authorisation server's own log names"
        " the rule",
        "FTD": "AccessControlRuleName of the event (430002, 430003) names the rule; `show "
        "access-control-config` shows it",
    }
    references = (
        "Cisco ASA syslog 302014: Unauth Deny", "Cisco ASA syslog 304002, 109025",
        "Cisco FTD syslog 430002, 430003",
    )  # fmt: skip
    not_this = ("an access list of an ASA would have refused the SYN (DNY101)",)
