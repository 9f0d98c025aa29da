"""The packet's source address cannot be where it came from.

## What happened
The firewall looked up the way back to the source and found that it leads elsewhere (reverse path
check), or the source is an address no packet may come from: the destination itself (land attack),
a broadcast, an address of the firewall.

## Evidence
ASA 106016, 106017, 106021, 106022; `rpf-violated` in an asp-drop capture. 106022 adds that
a connection of that source exists on another interface.

## Look-alikes
A forged address and asymmetric routing look the same to the reverse path check. If the same source
has working connections through another interface, the routing is asymmetric.

## Harm
Depends: forged packets are rightly refused; with asymmetric routing real traffic is lost.

## What to change
Correct the route to the source, or leave the check to do its work.

## References
RFC 2827 (ingress filtering), RFC 3704.
"""

from __future__ import annotations

import polars as pl

from finis.correlation.stories import Refusal
from finis.diagnosis import missing
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.denials import _facts, _words
from finis.terms import Confidence, Harm


class SpoofedSource(Cause):
    id = "DNY105"
    name = "spoofed-source"
    title = "the source address cannot be where the packet came from"
    table = "denials"
    confidence = Confidence.CERTAIN
    harm = Harm.DEPENDS
    harm_why = "harmless if the address is forged, harmful if the routing is asymmetric"
    remedy = {
        "ASA": "`show route SRC`: correct the route if the source is real",
        "netfilter": "`ip route get SRC`: correct the route if the source is real; `rp_filter` 2 "
        "(loose) only where paths are asymmetric on purpose",
        "Linux": "net.ipv4.conf.all.rp_filter=2 (loose), if two ways are meant; log_martians=1"
        " shows them",
    }
    references = (
        "RFC 2827",
        "RFC 3704",
        "Cisco ASA syslog messages 106016, 106017, 106021, 106022",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        return _facts.msg(*_facts.SPOOF_IDS) | _facts.drop_group("spoof") | _facts.kind("spoof")

    @classmethod
    def claims(cls, story: Refusal) -> list[Claim]:
        return [_words.denied(story), *_words.drop_reason(story)]

    @classmethod
    def alternatives(cls, story: Refusal) -> list[Alternative]:
        source = missing.plain(story.row.get("src_h"), "SOURCE")
        return [
            Alternative(
                "The source is forged, or the routing to it is asymmetric.",
                f"`show route {source}` on the firewall, and where packets of it come in",
            )
        ]
