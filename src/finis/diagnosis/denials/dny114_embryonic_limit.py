"""Too many handshakes were unfinished: the firewall refused another.

## What happened
The firewall limits how many connections may be half made (embryonic), for a server or for a client.
The limit was reached, and a further SYN was refused or answered by the firewall itself.

## Evidence
ASA 201010 (limit of embryonic connections), 201012 (per client), 407002 (of a translation).

## Look-alikes
The limit of all connections is DNY104. A firewall that answers SYNs with cookies in the server's
place (END504) protects; it does not refuse.

## Harm
Harmful where the clients are real: their SYNs are dropped. Against a flood the limit does its duty.

## What to change
Many unfinished handshakes are a flood (PAT302) or a server that does not answer; look which,
before the limit is raised.

## References
Cisco ASA syslog 201010, 201012, 407002; RFC 4987.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class EmbryonicLimit(Cause):
    id = "DNY114"
    name = "embryonic-limit"
    title = "refused because too many handshakes were unfinished"
    table = "denials"
    beats = ("DNY104",)
    confidence = Confidence.CERTAIN
    harm = Harm.HARMFUL
    harm_why = "harmful to clients that are real; against a flood it is what the limit is for"
    remedy = {
        "ASA": "`show conn state tcp_embryonic` and `show service-policy set connection` first;"
        " then `set connection embryonic-conn-max N per-client-embryonic-max N` in the server's"
        " class",
        "Linux": "on the server: `sysctl net.ipv4.tcp_syncookies=1` and a larger"
        " `net.ipv4.tcp_max_syn_backlog`",
    }
    references = ("Cisco ASA syslog messages 201010, 201012, 407002", "RFC 4987")
    not_this = (
        "the limit of all connections: its message names that one (DNY104)",
        "a SYN flood would show many sources that never finish a handshake (PAT302)",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.EMBRYONIC_IDS)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.said(story)]
