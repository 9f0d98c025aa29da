"""One source was refused at many targets: a scan.

## What happened
A host tried many addresses or ports and was refused. It searches for something that answers.

## Evidence
The source was refused at twenty or more different address-port pairs; single attempts look like any
refusal by rule (or, with ACK segments, like a connection nobody knows).

## Look-alikes
A monitoring system or inventory scanner of your own; a host whose configuration lists many wrong
addresses; a busy server answering many clients on asymmetric paths (its source port is constant).

## Harm
Depends on who it is: from outside it is background noise that was refused, from inside it may be a
compromised host.

## What to change
From inside: look at the host. From outside: nothing, or shun it.

## References
MITRE ATT&CK T1046 (network service discovery).
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis.cause import Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm

_tcp_or_udp = pl.col("proto").is_in(["tcp", "TCP", "udp", "UDP"])


class ScanDenied(Cause):
    id = "DNY602"
    name = "scan-denied"
    title = "one source refused at many targets (scan)"
    table = "denials"
    beats = ("DNY101", "DNY102", "DNY402", "DNY901")
    confidence = _facts.choose(
        pl.col("src_fanout") >= 5 * _facts.SCAN_TARGETS, Confidence.LIKELY, Confidence.POSSIBLE
    )
    harm = Harm.DEPENDS
    harm_why = "refused; from inside it may be a compromised host"
    remedy = {"anyone": "from inside: look at the source host; from outside: nothing, or shun it"}
    references = ("MITRE ATT&CK T1046",)
    not_this = ("a monitoring system of your own would be a known source at regular times",)

    @classmethod
    def where(cls) -> pl.Expr:
        many = (pl.col("src_fanout") >= _facts.SCAN_TARGETS) & (
            pl.col("src_refused") >= _facts.SCAN_TARGETS
        )
        # A server answers from one low port, a scanner asks from an ephemeral one.
        asks = (pl.col("src_p") >= 1024) | (pl.col("src_p") > pl.col("dst_p"))
        probe = _facts.policy & _tcp_or_udp
        # A log that begins late shows the same of any busy client.
        ack_probe = _facts.never & _facts.state & _facts.ack & (pl.col("dst_p") < 1024)
        return many & asks & (probe | ack_probe)

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), _words.fanout(story)]
