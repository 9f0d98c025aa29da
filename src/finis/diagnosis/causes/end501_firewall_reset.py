"""The firewall itself sent the reset.

## What happened
A RST left the firewall that never entered it, or the firewall's log names itself as the sender.

## Evidence
Two captures: the RST is seen on one side only, going out. Or the teardown reason (ASA: `TCP Reset -
APPLIANCE`; FTD: an event whose rule says `Block with reset`, where packets of both sides had
passed).

## Look-alikes
A RST that was merely not captured on the other side: so only the log makes it certain. A box
between the points that resets what it sees passing by: several RSTs, with guessed numbers (END316).
A segment forwarded without translation is seen on the other side, under another tuple.

## Harm
Harmful: the firewall cut the connection.

## What to change
Find the feature: inspection, IPS, policy, a reset on idle.

## References
Cisco ASA syslog 302014: TCP Reset-APPLIANCE; Cisco ASA command reference: service; Cisco FTD
syslog 430002 and 430003
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Claim
from finis.diagnosis.causes._aborts import guessed
from finis.diagnosis.causes._stated import SYMPTOMS, FirewallStated
from finis.terms import Confidence, Harm

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class FirewallReset(FirewallStated):
    id, name = "END501", "firewall-reset"
    title = "the firewall itself reset the connection"
    reasons = ("reset-device",)
    not_this = ("not a RST of client or server: none entered the firewall, or its log says so",)
    beats = SYMPTOMS
    confidence = facts.confidence(
        # Its log names a host as the sender: another device between the points may have made it.
        (facts.teardown("reset-orig", "reset-resp"), Confidence.LIKELY),
        (facts.teardown(*reasons), Confidence.CERTAIN),
        (pl.col("capture_loss"), Confidence.POSSIBLE),
        otherwise=Confidence.LIKELY,  # the capture on its sender's side may have lost it
    )
    harm = facts.harm((facts.packets(), Harm.HARMFUL), otherwise=Harm.DEPENDS)
    harm_why = (
        "to both sides, which did not ask for the reset; it depends on which feature sent it and "
        "whether the traffic was wanted"
    )
    remedy = {
        "ASA": "show conn, show service-policy and the syslog around this time name the "
        "feature; service resetinbound and resetoutbound decide whether refusals are "
        "told",
        "FTD": "AccessControlRuleName of the event (430002, 430003) names the rule that blocks "
        "with reset; `show access-control-config` shows it",
        "netfilter": "`nft list ruleset`: rules that `reject with tcp reset` and match {server} "
        "port {server_p}",
        "network": "check the rules for {client} to {server} port {server_p}",
        "AWS": "an NLB resets connections whose target left: deregistration and health checks at"
        " this time",
        "Azure": "the load balancer resets on idle where enableTcpReset is set:"
        " idleTimeoutInMinutes",
    }
    references = (
        "Cisco ASA syslog 302014: TCP Reset-APPLIANCE",
        "Cisco FTD syslog 430002, 430003: Block with reset",
        "Cisco ASA command reference: service",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        # A RST that entered as another left in its stead is that RST, its numbers miswritten.
        made = (pl.col("created_rst").is_in(["to-orig", "both"]) & facts.no(_lost(facts.RESP))) | (
            pl.col("created_rst").is_in(["to-resp", "both"]) & facts.no(_lost(facts.ORIG))
        )
        made &= pl.col("paired") & facts.no(guessed())
        return (facts.teardown(*cls.reasons) | made) & facts.no(facts.peaceful())

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [*telling.made_between(story, "left the firewall"), *super().claims(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        stated = story.row.get("teardown") in cls.reasons
        return [] if stated else telling.capture_missed(story)


def _lost(sender: facts.Half) -> pl.Expr:
    """A RST of this side entered the firewall and never left it."""
    return sender.col("dropped_rst")
