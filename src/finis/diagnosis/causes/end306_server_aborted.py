"""The server aborted: a RST without a FIN of its own.

## What happened
The server's stack sent a RST with the next number of its own: the program gave the connection up
instead of closing it. Closing with unread bytes, SO_LINGER set to zero and a killed process all
look like this.

## Evidence
A RST with SEQ = SND.NXT, no FIN of the server, and the client had to accept it. Most stacks set the
ACK bit; a bare RST with that number is the form of RFC 9293 §3.10.5, and of devices that send it in
a host's name. Seen at one point only, any RST may be a device's: likely.

## Look-alikes
A RST whose SEQ is the ACK of a segment that its sender had not acknowledged comes from a host
without state (END311, END312). A RST by the firewall
(END501) is missing at one of two points. A forged RST (END316) has alien numbers or TTL. After
keep-alive probes without answer it is END408.

## Harm
Harmful where the server left a request unanswered or data unacknowledged; depends otherwise: the
end of a response may have been thrown away with the connection.

## What to change
Find out in the server's log why it gave the connection up. Let it read the request to the end
before it closes (lingering close), and keep its idle timer above the client's.

## References
RFC 9293 §3.10.5 (ABORT); RFC 1122 §4.2.2.13; RFC 2525 §2.17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.diagnosis.causes import _aborts
from finis.terms import Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class ServerAborted(Cause):
    id, name, table = "END306", "server-aborted", "connections"
    title = "the server aborted the connection (RST without FIN)"
    beats = ("END207", "END311", "END331", "END391", "END405")
    names_side = True
    confidence = _aborts.confidence(facts.RESP)
    harm = facts.harm(
        (pl.col("orientation") == "guessed", Harm.DEPENDS),
        ((facts.ORIG.bytes > 0) & facts.RESP.sent_nothing, Harm.HARMFUL),
        (facts.data_lost(), Harm.HARMFUL),
        ((facts.ORIG.col("rst_acked") > 0) & facts.no(facts.ORIG.fin), Harm.HARMFUL),
        otherwise=Harm.DEPENDS,
    )
    harm_why = "to the client: its request or the end of the response is lost, if any was open"
    remedy = {
        "server": "look for crashes, restarts and limits in the log of {server} at these times",
        "nginx": "lingering_close always; reset_timedout_connection off",
        "HAProxy": "look at the termination state in its log (the flags of the session)",
        "Windows": "look for process ends in the event log; IIS: connection timeouts",
        "Linux": "on {server}: journalctl -k | grep -i -e oom -e segfault; coredumpctl list;"
        " nstat -az TcpExtTCPAbortOnClose TcpExtTCPAbortOnData",
        "AWS": "deregistration_delay.timeout_seconds of the target group, longer than the longest"
        " request",
        "GCP": "--connection-draining-timeout of the backend service, longer than the longest"
        " request",
    }
    references = ("RFC 9293 §3.10.5", "RFC 1122 §4.2.2.13", "RFC 2525 §2.17")
    not_this = _aborts.NOT_AN_ABORT

    @classmethod
    def where(cls) -> pl.Expr:
        return _aborts.aborted_without_fin(facts.RESP)

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        return [
            *telling.fin(story, Side.ORIG, "had closed before"),
            *telling.rst(story, Side.RESP),
            *_aborts.confirmed(story, Side.RESP),
            *telling.unacknowledged(story),
            *telling.log_end(story),
            *telling.denied_after(story),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        side = Side.RESP
        return [
            *telling.why_abort(side),
            *_aborts.ack_set_all_the_same(story, side),
            *_aborts.by_a_device(story, side),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return _aborts.captures(story)
