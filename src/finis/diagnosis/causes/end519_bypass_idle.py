"""The firewall removed its entry of a flow that bypasses the state check.

## What happened
The firewall lets this TCP traffic pass without following its state, as if it were UDP. It does not
see it open or close: silence alone removes the entry (ASA default: two minutes), also after a close
in good order.

## Evidence
The message (ASA 302304, `TCP state-bypass connection`) and its reason for idleness. How the hosts
ended the connection, or whether they did, the log cannot tell.

## Look-alikes
An idle connection whose state was followed (END401): its hosts had not closed it.

## Harm
Harmless: the next packet makes a new entry, without a handshake, where the access lists permit it.
Harmful where data was refused afterwards.

## What to change
Nothing. Let captures tell how the hosts ended it, if that matters.

## References
Cisco ASA syslog 302304; Cisco firewall configuration guide: TCP state bypass
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.diagnosis import facts, missing
from finis.diagnosis.cause import Alternative
from finis.diagnosis.causes._stated import FirewallStated, used_afterwards
from finis.terms import Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class BypassIdle(FirewallStated):
    id, name = "END519", "bypass-idle"
    title = "the firewall forgot a silent flow whose TCP state it does not follow"
    reasons = ("bypass-idle",)
    harm = facts.harm((used_afterwards(), Harm.HARMFUL), otherwise=Harm.HARMLESS)
    harm_why = (
        "such flows end by silence, also after a close in good order; the next packet makes a new"
        " entry"
    )
    remedy = {
        "ASA": "nothing; `set connection timeout idle` of the class keeps entries longer, `show"
        " service-policy` names the class with `tcp-state-bypass`",
    }
    references = (
        "Cisco ASA syslog 302304",
        "Cisco firewall configuration guide: TCP state bypass",
    )
    not_this = ("not a sign that neither side closed: FINs do not end such an entry",)

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        if story.row.get("has_packets"):
            return []
        shown = missing.at_firewall(missing.Where.of(story.row))[0]
        return [Alternative("How the hosts ended the connection is not known.", shown)]
