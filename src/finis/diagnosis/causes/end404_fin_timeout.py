"""The firewall waited in vain for the rest of the close.

## What happened
The firewall waited ten minutes for the rest of the close: the second FIN, or the last ACK.

## Evidence
The teardown reason (ASA: `FIN Timeout`), which stands for both.

## Look-alikes
With packets: one FIN only is END403; both FINs and a missing ACK is END205.

## Harm
Depends: harmless if only the last ACK was missing.

## What to change
Find out which it was: the half-closed side shows as CLOSE-WAIT on its host.

## References
Cisco ASA syslog 302014: FIN Timeout; RFC 9293 §3.6
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.causes._stated import FirewallStated
from finis.terms import Confidence, Harm


class FinTimeout(FirewallStated):
    id, name = "END404", "fin-timeout"
    title = "the firewall's FIN timer ran out"
    reasons = ("fin-timeout",)
    harm = Harm.DEPENDS
    harm_why = "on whether the side that had not closed was still sending"
    remedy = {
        "ASA": "set connection timeout half-closed 1:00:00 in a class for {server} port "
        "{server_p}, if transfers are long",
        "netfilter": "a `ct timeout` policy with longer fin_wait and close_wait for {server} port "
        "{server_p}, if transfers are long",
        "Linux": "ss -tnp state close-wait on both hosts",
        "Windows": "netstat -ano | findstr CLOSE_WAIT on both hosts",
    }
    references = (
        "Cisco ASA syslog 302014: FIN Timeout",
        "RFC 9293 §3.6",
    )
    confidence = Confidence.LIKELY

    @classmethod
    def where(cls) -> pl.Expr:
        unseen = facts.no(facts.packets()) | facts.ended("open")
        return facts.teardown(*cls.reasons) & unseen
