"""A SYN was answered with a RST: nothing accepts connections on that port.

## What happened
The client asked for a connection and the other end, or something answering in its name, refused
with a RST. No connection came to be.

## Evidence
A RST with SEQ 0 and ACK one beyond the SYN, in place of a SYN ACK. From a log alone: a teardown
by a reset of the server's side with no bytes and no duration; the log does not show the RST's
form, so that reading is likely, not certain.

## Look-alikes
A half-open probe (END104) has a SYN ACK before the RST, and the RST is the client's. A firewall
or load balancer on the path may refuse in the server's name; its TTL gives it away only where
other packets of the server were seen.

## Harm
Depends: on whether the service was meant to run. A refused scan is of no concern, a refused
application is down.

## What to change
Start the service, or correct the address or port the client uses. If one client draws refusals
from many ports, look at the client.

## References
RFC 9293 §3.10.7.1 (CLOSED) and §3.5.2; Cisco syslog guide, message 302014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


# A log counts payload and whole seconds only.
_AT_ONCE = Alternative(
    "The server took the connection and reset it at once, before any data.",
    "a capture at the server: does it send a SYN ACK?",
)


class Refused(Cause):
    id, name, table = "END101", "refused", "connections"
    title = "connection refused: a RST answered the SYN"
    beats = ("END331",)
    confidence = facts.confidence(
        (facts.packets() & facts.RESP.rst_class("refusal"), Confidence.CERTAIN),
        otherwise=Confidence.LIKELY,
    )
    harm = Harm.DEPENDS
    harm_why = "on whether a service was meant to answer on that port"
    remedy = {
        "server": "start the service, or have it listen on {server} port {server_p}",
        "client": "correct the address or port; stop retrying a service that is gone",
        "Linux": "ss -ltn 'sport = :{server_p}' on the server shows whether anything listens",
        "Windows": "netstat -ano | findstr LISTENING | findstr :{server_p} on the server",
        "nginx": "nginx -T | grep listen: is there a `listen {server_p}` on this address?",
        "HAProxy": "show servers state on its socket, if {server} is one of its frontends: a"
        " frontend that is stopped refuses",
    }
    references = ("RFC 9293 §3.10.7.1", "RFC 9293 §3.5.2", "Cisco ASA syslog 302014")
    not_this = (
        "not a half-open probe: there the client sends the RST",
        "not an unanswered SYN: a RST came, no timeout",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        by_log = (
            facts.log_only()
            & facts.teardown("reset-resp")
            & (pl.col("log_bytes") == 0)
            & (pl.col("log_duration_s") == 0)
        )
        by_log |= facts.log_only() & facts.teardown("refused")
        return (facts.ended("refused") & facts.no(pl.col("created_rst") != "none")) | by_log

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [*telling.syn(story), *telling.rst(story, Side.RESP), *telling.log_end(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The service listens, but refused this one: a full backlog (Windows; Linux with "
                "tcp_abort_on_overflow), a balancer without a member, one more subflow of MPTCP "
                "(RFC 8684 §3.2).",
                "whether other connections to that port succeed at the same time",
            ),
            Alternative(
                "A firewall or load balancer on the path refused in the server's name.",
                "a capture at the server: the SYN does not arrive there",
            ),
            *([_AT_ONCE] if _told_by_reset(story) else []),
        ]


def _told_by_reset(story: Story) -> bool:
    """All that is known is a reset by the server, and nothing carried."""
    return not story.row.get("has_packets") and story.row.get("teardown") == "reset-resp"
