"""One side never closed, and the firewall's half-closed timer ran out.

## What happened
One side closed, the other did not; after the half-closed timer (ASA default: 10 minutes) the
firewall removed the connection without a reset.

## Evidence
The teardown reason, and packets that show one FIN only.

## Look-alikes
A missing last ACK gives the same reason (END404).

## Harm
Depends: on whether the open side still had something to send, or had merely forgotten to close.

## What to change
A longer timer for long transfers; a program that closes its sockets.

## References
Cisco ASA syslog 302014: FIN Timeout; Cisco firewall configuration guide: connection settings; RFC
9293 §3.6
"""

from __future__ import annotations

import polars as pl

from finis.diagnosis import facts
from finis.diagnosis.causes._stated import SYMPTOMS, FirewallStated
from finis.terms import Harm


class HalfClosedTimeout(FirewallStated):
    id, name = "END403", "half-closed-timeout"
    title = "the firewall's half-closed timer ran out before the second FIN"
    reasons = ("fin-timeout",)
    harm = Harm.DEPENDS
    harm_why = "on whether the side that had not closed was still sending"
    remedy = {
        "ASA": "set connection timeout half-closed 1:00:00 in a class for {server} port {server_p}",
        "netfilter": "a `ct timeout` policy with longer fin_wait and close_wait for {server} port "
        "{server_p}",
        "application": "close the socket that lingers in CLOSE-WAIT (ss -tn state close-wait)",
        "Linux": "ss -tnp state close-wait on the side that did not close names the program",
        "HAProxy": "timeout client-fin 30s and timeout server-fin 30s bound half-closed sessions",
        "Windows": "netstat -ano | findstr CLOSE_WAIT on the side that did not close",
    }
    references = (
        "Cisco ASA syslog 302014: FIN Timeout",
        "Cisco firewall configuration guide: connection settings",
        "RFC 9293 §3.6",
    )
    beats = (*SYMPTOMS, "END404", "END501")

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.teardown(*cls.reasons) & facts.ended("half-closed")
