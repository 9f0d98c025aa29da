"""What the causes of resets share: conditions and sentences about FIN followed by RST."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, origin, telling
from finis.diagnosis.cause import Alternative, Claim
from finis.terms import Confidence, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story

ANSWER_S = 1.0  # a stack answers a segment within the round trip
FRESH_S = 0.05  # data this close before a FIN and RST has hardly been read by a program

NOTIFY_TEXT = (
    "A missing close_notify cannot make a TCP stack send a RST; a FIN followed at once by a RST is "
    "what a close with unread bytes looks like."
)
NOT_AN_ABORT = (
    "a host without state would take its SEQ from the ACK of what it answers (END311)",
    "a RST of the firewall would be missing at one of two points (END501)",
)
NOTIFY_RULE = "RFC 8446 §6.1; RFC 1122 §4.2.2.13; RFC 2525 §2.17"


def fin_then_rst(side: facts.Half) -> pl.Expr:
    """The side sent FIN and then, of its own will, a RST that its peer had to accept (or whose
    acceptance cannot be seen)."""
    return (
        side.rst_after_own_fin
        & side.rst_class("abort")
        & facts.no(facts.peaceful())
        & facts.no(side.col("rst_accept") == "outside")
    )


def closed_before(side: facts.Half) -> pl.Expr:
    """The side's FIN came before the capture began: the log ascribes the FINs to it."""
    return (
        facts.teardown("fins")
        & (pl.col("teardown_by") == side.side)
        & pl.col("midstream")
        & facts.no(side.fin)
    )


def aborted_without_fin(side: facts.Half) -> pl.Expr:
    """A RST of a live socket that had sent no FIN, and that the peer had to accept."""
    return (
        (side.aborted | side.confirmed_rst)
        & side.no_fin_before_rst
        & pl.col("established")
        & side.reset_it
        & facts.no(pl.col("created_rst") != "none")
    )


def confidence(side: facts.Half) -> pl.Expr:
    """How sure it is that the side itself aborted: one point does not tell who sent a RST in its
    name, nor does one without ACK bit, as some devices send it."""
    alone = (pl.col("n_points") > 1).fill_null(False).not_() | side.col("rst_bare")
    ahead = facts.no(side.aborted)  # and confirmed
    return facts.confidence((alone | ahead, Confidence.LIKELY), otherwise=Confidence.CERTAIN)


def confirmed(story: Story, side: Side) -> list[Claim]:
    """A RST ahead of what was seen, which the receiver had confirmed."""
    if telling.public(story, side, "rst_class") != "suspect":
        return []
    peer = telling.role(Side(1 - side))
    text = (
        f"The {peer} answered it with a challenge ACK, and a second RST came with the number asked "
        f"for: its sender had sent more than the capture shows."
    )
    return [Claim(text, telling.rst_proofs(story, side), "RFC 5961 §3.2")]


def guessed() -> pl.Expr:
    """RSTs made between the two points, one beyond all that had been sent: a firewall with state
    knows the number, what only looks on must guess it."""
    ways = ((facts.ORIG, "to-resp"), (facts.RESP, "to-orig"))
    made = pl.any_horizontal(
        pl.col("created_rst").is_in([way, "both"])
        & (side.col("rst_ahead") | side.col("rst_acks_ahead")).fill_null(False)
        for side, way in ways
    )
    return made & pl.col("paired") & facts.no(pl.col("capture_loss"))


def fresh_data(side: facts.Half) -> pl.Expr:
    """Data of the peer reached the side right before its FIN, or between FIN and RST."""
    came = side.col("fin_after_data_s")
    return (came <= FRESH_S) & (side.col("rst_after_data_s") >= 0)


def no_data_seen(story: Story, side: Side) -> bool:
    """No payload towards the side was captured at all."""
    return not telling.public(story, Side(1 - side), "bytes")


def why(story: Story, side: Side) -> list[Claim]:
    """What the shape says about the reason, and how little."""
    shown = telling.rst_proofs(story, side)
    tail = (
        f" Only possible here: the capture shows no data to the {telling.role(side)}."
        if no_data_seen(story, side)
        else f" Only possible here: what the {telling.role(side)}'s program had read is not shown."
    )
    return [Claim(NOTIFY_TEXT + tail, shown, NOTIFY_RULE)]


def closed_then_aborted(story: Story, closer: Side) -> list[Claim]:
    """One side closed; the other then sent FIN and RST; the first may have had no state left."""
    other = Side(1 - closer)
    return [
        *telling.fin(story, closer, "closed first"),
        *telling.fin_gap(story, closer),
        *telling.rst_beyond_fin(story, other),
        *why(story, other),
        *telling.stateless_reply(story, closer),
        *origin.compared(story, closer),
        *telling.firewall_dropped(story),
        *telling.log_end(story),
        *telling.denied_after(story),
        *nothing_lost(story, closer),
    ]


def nothing_lost(story: Story, closer: Side) -> list[Claim]:
    """Why the resets do no harm: both programs had closed before them."""
    other = Side(1 - closer)
    order = telling.together(story, (Role.FIN, closer), (Role.FIN, other), (Role.RST, other))
    if order is None:
        return []
    text = "Both sides had sent FIN before the first RST"
    shown = [found.proof for found in order]
    late = story.find(Role.RST, closer)
    if late is not None and late.ts_ns >= order[2].ts_ns:
        text += (
            f", and the {telling.role(closer)}'s RST was addressed to a socket that had already "
            "reset itself"
        )
        shown.append(late.proof)
    return [Claim(text + ".", tuple(shown))]


def server_state(story: Story, side: Side) -> list[Alternative]:
    """The side answered the peer's FIN as if it knew no connection, after its own FIN."""
    if telling.public(story, side, "rst_class") not in ("no-state", "no-state-ack"):
        return []
    host, peer = telling.role(side), telling.role(Side(1 - side))
    age = telling.age_at_reply(story, side)
    after = "" if age is None else f" {telling.span(age)} after its own FIN"
    leading = "" if origin.alien(story, side) else " (leading)"
    found = [
        Alternative(
            f"A{leading}: the {host}'s side had freed the connection{after}: a short FIN-WAIT-2 "
            "timer, a limit on orphaned connections, a load balancer or proxy that owns the "
            "address.",
            f"many connections of this {host}: is there a time after its FIN beyond which the "
            f"{peer}'s FIN draws a RST, and below which it draws an ACK? That time is the timer.",
        )
    ]
    if telling.column(story, Side(1 - side), "rsts"):
        found.append(
            Alternative(
                f"B: the {peer}'s RST overtook its FIN behind this point and freed the connection "
                f"first, so that the FIN found none.",
                f"a capture on the {host} itself: the order in which FIN and RST arrive there",
            )
        )
    found += [
        origin.in_front(story, side, "C"),
        Alternative(
            f"D: the {host}'s stack answers a RST with a RST, against RFC 9293 §3.10.7.1.",
            f"a capture on the {host} itself",
        ),
    ]
    return sorted(found, key=lambda one: "(leading)" not in one.text)


def ack_set_all_the_same(story: Story, side: Side) -> list[Alternative]:
    """A RST right after data has the same numbers whether its sender had state or sets the ACK bit
    without need."""
    came = telling.column(story, side, "rst_after_data_s")
    if came is None or not 0 <= came <= ANSWER_S or telling.column(story, side, "rst_bare"):
        return []
    host = telling.role(side)
    return [
        Alternative(
            f"The {host}, or a load balancer in its address, had no state left and sets the ACK bit"
            " in such an answer (lwIP does, against RFC 9293 §3.10.7.1).",
            f"the window and IP ID of the RST against the {host}'s other segments; other RSTs of"
            " this host to segments that meet no connection",
        )
    ]


def by_a_device(story: Story, side: Side) -> list[Alternative]:
    """With one point only, a RST in a host's name need not be the host's."""
    if (story.row.get("n_points") or 0) > 1:
        return []
    host = telling.role(side)
    return [
        Alternative(
            f"A device on the path (firewall, IPS, load balancer) sent it in the {host}'s name.",
            origin.deciding(story, side),
        )
    ]


def captures(story: Story) -> list[str]:
    """Captures that would show what was unread, and in which order segments arrived."""
    where = missing.Where.of(story.row)
    return [missing.tcpdump(where, "client"), missing.tcpdump(where, "server")]
