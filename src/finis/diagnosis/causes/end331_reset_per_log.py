"""The firewall saw a reset; no capture shows it.

## What happened
The firewall removed the connection because a RST passed, and says from which side.

## Evidence
The teardown reason (ASA: `TCP Reset-I` or `TCP Reset-O`; I and O follow the security levels of the
interfaces, not their names).

## Look-alikes
An abort, unread data, a host without state and a forged RST all read the same in the log.

## Harm
Depends: on why that side reset. Resets after a finished exchange are common and harmless.

## What to change
Nothing before a capture tells which kind of reset it was.

## References
Cisco syslog guide, message 302014.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.correlation.stories import Proof
from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


# States of netfilter that a FIN leads to.
AFTER_FIN = ("FIN_WAIT", "CLOSE_WAIT", "LAST_ACK")


class ResetPerLog(Cause):
    id, name, table = "END331", "reset-per-log", "connections"
    title = "ended by a reset, as the firewall logged it"
    beats = ("END102", "END103", "END105", "END205", "END405", "END601", "END903")
    confidence = Confidence.LIKELY
    harm = Harm.DEPENDS
    harm_why = "on why that side reset the connection, which a log does not tell"
    remedy = {
        "ASA": "capture NAME interface {client_if} match tcp host {client} host {server_seen} shows"
        " the RST the next time",
        "netfilter": "tcpdump on both sides of the firewall shows the RST the next time",
    }
    references = ("Cisco ASA syslog 302014: TCP Reset-I, TCP Reset-O",)
    not_this = ("not closed by FINs alone: the firewall names a reset",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.reset_per_log() & (facts.show_no_end())

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = [*telling.log_end(story), *_after_fin(story)]
        side = telling.side_of(story.row.get("teardown_by"))
        if side is not None and story.teardown is not None:
            text = f"By that line the RST came from {telling.who(story, side)}."
            claims.append(Claim(text, (story.teardown,)))
            claims += _went_on(story, side)
        return [*claims, *telling.denied_after(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        decide = "the RST in a capture: its ACK bit, its SEQ and what came before it"
        device = Alternative("Something on the path sent it in the host's name.", decide)
        side = telling.side_of(story.row.get("teardown_by"))
        if side is not None and _went_on(story, side):
            return [device, Alternative("The line names the wrong side.", decide)]
        return [
            Alternative("A program gave the connection up (unread data, linger 0, end).", decide),
            Alternative("A host without state answered a segment.", decide),
            device,
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _after_fin(story: Story) -> list[Claim]:
    """A FIN before the RST, where the firewall logs states."""
    _, _, before = (story.row.get("teardown_reason") or "").partition(" after ")
    if before not in AFTER_FIN or story.teardown is None:
        return []
    text = f"A FIN had passed before: the RST met the entry in {before}."
    return [Claim(text, (story.teardown,))]


def _went_on(story: Story, side: Side) -> list[Claim]:
    """The side that is said to have reset sent more (DNY210): it was not that side's RST."""
    sent = [row for row in story.denials if row.get("cause") == "DNY210"]
    proofs = tuple(Proof(row["file"], row["line"], row["unit"]) for row in sent[:3])
    text = f"The {telling.role(side)} went on sending, which a host that has reset cannot."
    return [Claim(text, proofs, "RFC 9293 §3.10.5, §3.10.7.1")] if sent else []
