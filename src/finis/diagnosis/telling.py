"""Sentences with their proofs: the small pieces from which causes tell an example.

Every function gives claims that the example's own rows and segments carry, or none: what was not
observed is not mentioned.  Sides are called client (it sent the first SYN) and server.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from finis import words
from finis.correlation.stories import Found, Proof, Story
from finis.diagnosis import facts
from finis.diagnosis.cause import Alternative, Claim
from finis.terms import Flag, Quirk, Role, Side

NO_CONNECTION_RULE = "RFC 9293 §3.10.7.1"
ABORT_RULE = "RFC 9293 §3.10.5"
_MOD = 1 << 32


# --- words -----------------------------------------------------------------------------------


def span(seconds: float) -> str:
    """A length of time in the unit a person would use: 61 µs, 2.49 s, 2 min 5 s, 1 h 3 min."""
    return words.duration(abs(seconds) * words.SECOND)


count = words.count


def role(side: Side) -> str:
    return "client" if side == Side.ORIG else "server"


def side_of(text: str | None) -> Side | None:
    """``orig``, ``resp`` as in tables; anything else None."""
    return {"orig": Side.ORIG, "resp": Side.RESP}.get(text or "")


def column(story: Story, side: Side, name: str) -> Any:
    """A pair column of the story's row: ``rsts`` is o_rsts or r_rsts; null if absent."""
    return story.row.get(f"{'or'[side]}_{name}")


def public(story: Story, side: Side, name: str) -> Any:
    """As `column`, of the public names: ``rst_class`` is orig_rst_class or resp_rst_class."""
    return story.row.get(f"{('orig', 'resp')[side]}_{name}")


def endpoint(story: Story, side: Side) -> str:
    """``203.0.113.147:43918``; IPv6 in brackets."""
    host, port = public(story, side, "h"), public(story, side, "p")
    return words.endpoint(host, port)


def who(story: Story, side: Side) -> str:
    """``the client 203.0.113.147:43918``."""
    return f"the {role(side)} {endpoint(story, side)}"


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- segments --------------------------------------------------------------------------------


def proofs(story: Story, what: Role, side: Side) -> tuple[Proof, ...]:
    """The segment kept for a role at every point that saw it."""
    return tuple(found.proof for found in story.find_all(what, side))


def first(story: Story, what: Role, side: Side) -> Found | None:
    return story.find(what, side)


def together(story: Story, *wanted: tuple[Role, Side]) -> list[Found] | None:
    """These segments as one point saw them, nearest first to whoever sent the first of them; None
    unless some point saw all of them.  Numbers and times of one point can be compared without
    knowing what a firewall adds to them."""
    near = wanted[0][1]
    for seen in story.seen if near == Side.ORIG else reversed(story.seen):
        found = [seen.find(what, side) for what, side in wanted]
        if all(segment is not None for segment in found):
            return [Found(seen, segment) for segment in found if segment is not None]
    return None


def between(earlier: Found | None, later: Found | None) -> float | None:
    """Seconds from one segment to the other; None unless both were seen."""
    if earlier is None or later is None:
        return None
    return (later.ts_ns - earlier.ts_ns) / 1e9


def has(found: Found, flag: Flag) -> bool:
    return bool(int(found.segment["flags"]) & flag)


def seq(found: Found) -> int | None:
    return None if int(found.segment["quirks"]) & Quirk.NO_SEQ else int(found.segment["seq"])


def _form(found: Found) -> str:
    """``SEQ 7, ACK 9, window 0`` of a segment, as far as it shows them."""
    parts = []
    number = seq(found)
    if number is not None:
        parts.append(f"SEQ {number}")
    parts.append(f"ACK {int(found.segment['ack'])}" if has(found, Flag.ACK) else "no ACK bit")
    if not int(found.segment["quirks"]) & Quirk.NO_WIN:
        parts.append(f"window {int(found.segment['win'])}")
    return ", ".join(parts)


def since_built(story: Story, found: Found) -> float | None:
    """Seconds from the firewall's Built to the segment; log lines have whole seconds."""
    built: datetime | None = story.row.get("built_ts")
    if built is None or not found.seen.dated:
        return None
    return found.ts_ns / 1e9 - built.timestamp()


# --- claims ----------------------------------------------------------------------------------


def fin(story: Story, side: Side, ordinal: str = "closed") -> list[Claim]:
    """A side's FIN: when, and whether it was acknowledged."""
    if not column(story, side, "fin"):
        return []
    found = story.find(Role.FIN, side)
    text = f"{upper(who(story, side))} {ordinal}: FIN"
    shown = list(proofs(story, Role.FIN, side))
    if found is not None:
        number = seq(found)
        text += f" (SEQ {number})" if number is not None else ""
        age = since_built(story, found)
        at = column(story, side, "fin_s")
        if age is not None and age >= 1 and story.built is not None:
            text += f", about {span(int(age))} after the firewall built the connection"
            shown.append(story.built)
        elif at is not None and not story.row.get("midstream"):
            text += f", {span(at)} after the first segment"
    acked = column(story, side, "fin_acked")
    if acked:
        text += "; it was acknowledged"
        pair = together(story, (Role.FIN, side), (Role.ACKS_FIN, Side(1 - side)))
        if pair is not None:
            lag = between(pair[0], pair[1])
            shown.append(pair[1].proof)
            text += f" {span(lag)} later" if lag is not None and lag > 0 else ""
        elif (reset := _reset_that_acks(story, side)) is not None:
            shown.append(reset.proof)
            text += " by the RST itself"
    elif acked is not None:
        text += "; no acknowledgement of it is in the capture"
    return [Claim(text + ".", tuple(shown))]


def _reset_that_acks(story: Story, side: Side) -> Found | None:
    """The peer's RST, if its ACK covers the side's FIN."""
    both = together(story, (Role.FIN, side), (Role.RST, Side(1 - side)))
    if both is None or not has(both[1], Flag.ACK):
        return None
    closing, reset = (found.segment for found in both)
    beyond = int(closing["seq"]) + int(closing["payload_len"]) + 1
    return both[1] if int(reset["ack"]) == beyond % _MOD else None


def fin_gap(story: Story, earlier: Side) -> list[Claim]:
    """How long one side stayed half-open after the other's FIN, and after its own ACK of it."""
    later = Side(1 - earlier)
    fins = together(story, (Role.FIN, earlier), (Role.FIN, later))
    if fins is None:
        return []
    gap = between(fins[0], fins[1])
    if gap is None or gap < 0:
        return []
    text = f"{upper(who(story, later))} sent its own FIN {span(gap)} after that"
    shown = [fins[0].proof, fins[1].proof]
    acknowledged = _at(fins[0], Role.ACKS_FIN, later)
    since = between(acknowledged, fins[1])
    if acknowledged is not None and since is not None and since > 0:
        text += f", {span(since)} after it had acknowledged it"
        shown.insert(1, acknowledged.proof)
    return [Claim(text + ".", tuple(shown))]


def syn(story: Story) -> list[Claim]:
    """The client's SYN, and how often it was sent."""
    sent = column(story, Side.ORIG, "syns")
    if not sent:
        return []
    times = "a SYN" if sent == 1 else f"{sent} SYNs"
    text = f"{upper(who(story, Side.ORIG))} sent {times} to {who(story, Side.RESP)}."
    return [Claim(text, proofs(story, Role.SYN, Side.ORIG))]


def silence(story: Story) -> list[Claim]:
    """Nothing at all came from the server."""
    if not story.row.get("has_packets") or public(story, Side.RESP, "pkts") != 0:
        return []
    length = story.row.get("duration") or 0.0
    text = "No segment of the server is in the capture"
    return [Claim(text + (f", for {span(length)}." if length > 0 else "."))]


def challenge(story: Story, side: Side) -> list[Claim]:
    """An ACK that belongs to another connection, answering the peer's SYN."""
    sent = column(story, side, "challenge")
    answered = story.find(Role.ANSWERED, side)
    if not sent and answered is None:
        return []
    text = (
        f"{upper(who(story, side))} answered the SYN with an ACK that acknowledges nothing of "
        "this connection: it still holds an older one of the same addresses and ports."
    )
    return [Claim(text, () if answered is None else (answered.proof,), "RFC 5961 §4")]


def rst(story: Story, side: Side) -> list[Claim]:
    """A side's first RST: its form and what it answers."""
    found = story.find(Role.RST, side)
    if found is None:
        return []
    text = f"{upper(who(story, side))} sent a RST ({_form(found)})"
    shown = proofs(story, Role.RST, side)
    kind = public(story, side, "rst_class")
    rule = ""
    if kind == "abort":
        text += f"; {_abort_form(story, found)}"
        rule = ABORT_RULE
    elif kind == "refusal":
        text += "; it refuses the SYN"
        rule = NO_CONNECTION_RULE
    answered = story.find(Role.ANSWERED, Side(1 - side))
    lag = column(story, side, "rst_lag_s")
    if answered is not None and kind != "abort":
        shown = (*shown, answered.proof)
        text += f"; it follows the segment it answers by {span(lag)}" if lag is not None else ""
    return [Claim(text + ".", shown, rule)]


def fins_and_rsts(story: Story) -> list[Claim]:
    """How each side ended it."""
    return [
        claim for side in (Side.ORIG, Side.RESP) for claim in (*fin(story, side), *rst(story, side))
    ]


def _abort_form(story: Story, found: Found) -> str:
    if story.row.get("flags_only"):
        return "with the ACK bit, as a live socket sends it; what precedes it a filter may hide"
    if has(found, Flag.ACK):
        return "with the ACK bit and the next number of its own, it comes from a live socket"
    return (
        "without ACK bit, but with the next number of its own, it answers nothing: the plain form "
        "of an abort, or a device in its name"
    )


def rst_beyond_fin(story: Story, side: Side) -> list[Claim]:
    """FIN, then a RST of the same side: the RST belongs to the side's own abort."""
    peer = Side(1 - side)
    own = ((Role.FIN, side), (Role.RST, side))
    # Preferably where the peer's answer is seen too, so that all numbers can be compared.
    found = together(story, *own, (Role.RST, peer)) or together(story, *own)
    if found is None:
        return []
    closing, reset = found[:2]
    fin_at, rst_at = seq(closing), seq(reset)
    lag = between(closing, reset)
    when = "" if lag is None else ("at once" if lag < 1e-6 else f"{span(lag)} later")
    text = f"{upper(who(story, side))} followed its FIN {when} with a RST ({_form(reset)})"
    if fin_at is not None and rst_at is not None:
        beyond = (rst_at - fin_at - int(closing.segment["payload_len"])) % _MOD
        if beyond == 1:
            text += (
                f". Its SEQ is one beyond the FIN ({rst_at} = {fin_at} + 1), the next number of "
                "that side: the RST is its own abort, not an answer"
                if int(closing.segment["payload_len"]) == 0
                else ". Its SEQ is the number after the FIN: the RST is its own abort"
            )
        elif beyond == 0:
            text += ". It carries the SEQ of the FIN itself, as macOS sends it"
    return [
        Claim(
            text.replace("  ", " ") + ".",
            (*proofs(story, Role.FIN, side), *proofs(story, Role.RST, side)),
            ABORT_RULE,
        )
    ]


def _at(near: Found, what: Role, side: Side) -> Found | None:
    """The segment of a role at the same point as another segment."""
    segment = near.seen.find(what, side)
    return None if segment is None else Found(near.seen, segment)


def stateless_reply(story: Story, side: Side) -> list[Claim]:
    """A RST in the form of a host without state, and which segment it must answer."""
    found = story.find(Role.RST, side)
    if found is None or public(story, side, "rst_class") not in ("no-state", "no-state-ack"):
        return []
    peer = Side(1 - side)
    answered = _at(found, Role.ANSWERED, peer) or story.find(Role.ANSWERED, peer)
    shown = [found.proof] if answered is None else [found.proof, answered.proof]
    number = seq(found)
    text = f"{upper(who(story, side))} sent a RST ({_form(found)})"
    what = {
        "fin": "FIN",
        "data": "data",
        "ack": "ACK",
        "keep-alive": "keep-alive",
        "challenge-ack": "challenge ACK",
    }.get(public(story, side, "rst_answers") or "", "segment")
    matched = (
        answered is not None
        and has(answered, Flag.ACK)
        and number is not None
        and int(answered.segment["ack"]) == number
    )
    if matched:
        text += f". Its SEQ is the ACK of the {role(peer)}'s {what}"
        lag = between(answered, found)
        text += f" {span(lag)} before" if lag is not None and lag >= 0 else ""
    text += (
        ": the form prescribed for a segment that meets no connection"
        if not has(found, Flag.ACK)
        else ": a segment met no connection (this stack sets the ACK bit all the same)"
    )
    claims = [Claim(text + ".", tuple(shown), NO_CONNECTION_RULE)]
    peer_rst = _at(found, Role.RST, peer)
    reset_first = peer_rst is not None and peer_rst.ts_ns <= found.ts_ns
    if what == "FIN" and answered is not None and peer_rst is not None and reset_first:
        text = (
            f"A RST is never answered with a RST, so it answers the {role(peer)}'s FIN, not the "
            f"{role(peer)}'s RST."
        )
        proof = (answered.proof, peer_rst.proof, found.proof)
        claims.append(Claim(text, proof, NO_CONNECTION_RULE))
    own_fin = _at(found, Role.FIN, side)
    age = between(own_fin, found)
    if own_fin is not None and age is not None and age >= 0:
        claims.append(
            Claim(
                f"By then the {role(side)}'s end held no state for the connection, {span(age)} "
                "after its own FIN.",
                (own_fin.proof, found.proof),
                NO_CONNECTION_RULE,
            )
        )
    return claims


def first_bytes(story: Story, side: Side) -> tuple[Proof, ...]:
    """The segment that carries the side's first payload, where it is still in the tail."""
    for seen in story.seen:
        at = seen.side(side)
        for segment in seen.tail:
            if segment["side"] == at and segment["payload_len"] and segment["head_len"]:
                if segment["head"] == seen.record["head"][at]:
                    return (seen.proof(segment),)
                break
    return ()


# Bytes on the wire of a TLS alert record by protection: two bytes of alert, five of header, the
# rest nonce, tag or padding (arithmetic of RFC 5246 §6.2.3, RFC 8446 §5.2).
ALERT_SIZES = {
    7: "an alert in the clear",
    23: "a TLS 1.2 alert under ChaCha20-Poly1305 or AES-CCM-8",
    24: "a TLS 1.3 alert",
    31: "a TLS 1.2 alert under AES-GCM",
    37: "a TLS 1.0 alert under AES-CBC",
    53: "a TLS 1.1 or 1.2 alert under AES-CBC",
    57: "a TLS 1.1 or 1.2 alert under AES-CBC with encrypt-then-MAC",
    69: "a TLS 1.2 alert under AES-CBC with SHA-256",
    85: "a TLS 1.2 alert under AES-CBC with SHA-384",
}


def farewell(story: Story, side: Side) -> str:
    """What a side's last data is that has the size of an alert, as far as can be told."""
    rest = story.row.get("o_after_hello")
    if side == Side.ORIG and rest is not None and rest < facts.LEAST_FINISHED_BYTES:
        return "before the handshake was complete, a refusal, likely"
    fin, data = column(story, side, "fin_s"), column(story, side, "data_s")
    late = fin is not None and data is not None and fin - data > facts.FAREWELL_S
    peer = public(story, Side(1 - side), "close_notify")
    if column(story, side, "alert_alone") and peer not in ("yes", "likely"):
        return "close_notify, or why it refused what it got"
    if late or column(story, side, "alert_again"):
        return "close_notify, possible: other data may have that size"
    return "close_notify, likely"


def close_notify(story: Story, side: Side) -> list[Claim]:
    """The side's closing TLS alert, known or likely."""
    known = public(story, side, "close_notify")
    if known not in ("yes", "likely"):
        return []
    shown = proofs(story, Role.ALERT, side) or proofs(story, Role.LAST_DATA, side)
    if known == "yes":
        text = f"{upper(who(story, side))} said farewell in TLS (close_notify)"
    else:
        found = story.find(Role.ALERT, side) or story.find(Role.LAST_DATA, side)
        size = 0 if found is None else int(found.segment["payload_len"])
        text = f"{upper(who(story, side))}'s last data"
        text += f" is {count(size, 'byte')}" if size else " has the form of a TLS alert"
        if size in ALERT_SIZES:
            text += f", the size of {ALERT_SIZES[size]}"
        text += f": {farewell(story, side)}"
    return [Claim(text + ".", shown, "RFC 8446 §6.1")]


def rst_proofs(story: Story, side: Side) -> tuple[Proof, ...]:
    """The side's FIN and first RST at every point."""
    return (*proofs(story, Role.FIN, side), *proofs(story, Role.RST, side))


def age_at_reply(story: Story, side: Side) -> float | None:
    """Seconds from the side's FIN to its RST."""
    age = column(story, side, "rst_after_own_fin_s")
    return None if age is None or age < 0 else float(age)


def unacknowledged(story: Story) -> list[Claim]:
    """Data that no ACK covers when the connection ended."""
    claims = []
    for side in (Side.ORIG, Side.RESP):
        left = column(story, side, "unacked") or 0
        if left > 0:
            text = f"{count(left, 'byte')} of {who(story, side)} had not been acknowledged."
            claims.append(Claim(text, proofs(story, Role.LAST_DATA, side)))
        received = column(story, side, "rst_acked") or 0
        if received > 0:
            text = (
                f"The last {count(received, 'byte')} of {who(story, side)} were acknowledged by "
                "the RST alone: they had arrived, whether or not they were read."
            )
            shown = *proofs(story, Role.LAST_DATA, side), *proofs(story, Role.RST, Side(1 - side))
            claims.append(Claim(text, shown))
    return claims


def made_between(story: Story, did: str) -> list[Claim]:
    """RSTs that the point nearest to their alleged sender does not show."""
    made = story.row.get("created_rst")
    if made in (None, "none"):
        return []
    to = {"to-orig": "the client", "to-resp": "the server"}.get(made, "both sides")
    shown = [
        story.seen[at].proof(story.seen[at].tail[row])
        for pairing in story.pairings
        for at, row in pairing.created
    ]
    text = f"A RST {did} towards {to} that no capture shows entering it."
    return [Claim(text, tuple(shown[:4]))]


def firewall_dropped(story: Story) -> list[Claim]:
    """Segments that entered the firewall and never left it, by its log or as far as two captures
    show."""
    claims = []
    for pairing in story.pairings:
        for at, index in pairing.vanished:
            seen = story.seen[at]
            segment = seen.tail[index]
            sender = Side(int(segment["side"])) if not seen.flipped else Side(1 - segment["side"])
            flags = int(segment["flags"])
            what = "RST" if flags & Flag.RST else "FIN" if flags & Flag.FIN else "segment"
            other = story.seen[pairing.far if at == pairing.near else pairing.near]
            shown = seen.proof(segment)
            text = (
                f"The {role(sender)}'s {what} was seen at {seen.point} and has no twin at "
                f"{other.point}: "
            )
            line = story.refusing(shown)
            text += (
                "it never left the firewall, or that capture missed it."
                if line is None
                else "the firewall's log says that it refused it."
            )
            claims.append(Claim(text, (shown,) if line is None else (shown, line)))
    return claims[:4]


def capture_missed(story: Story) -> list[Alternative]:
    """What else explains that a segment has no twin, where the firewall does not name it."""
    if not story.pairings or story.row.get("o_denied") or story.row.get("r_denied"):
        return []
    return [
        Alternative(
            "The other capture missed it: captures lose packets.",
            "a capture of what the firewall drops, or its log of that moment",
        )
    ]


def log_end(story: Story) -> list[Claim]:
    """The firewall's Teardown, in its own words."""
    reason = story.row.get("teardown_reason")
    if story.teardown is None or reason is None:
        return []
    number = story.row.get("fw_conn_id")
    of = "" if number is None else f" of connection {number}"
    text = f"The firewall logged the teardown{of} as “{reason}”"
    if story.row.get("product") == "netfilter":  # its entries outlive the connection
        text = f"The firewall's entry{of} ended as “{reason}”"
    duration, size = story.row.get("log_duration_s"), story.row.get("log_bytes")
    if duration is not None:
        text += f" after {span(duration)}" if duration else " within a second"
    if size is not None:
        text += f", {count(size, 'byte')} carried"
    return [Claim(text + ".", (story.teardown,))]


def denied_after(story: Story) -> list[Claim]:
    """Late segments that the firewall refused once the connection was gone."""
    total = story.row.get("denials_after") or 0
    if not total:
        return []
    lag = story.row.get("first_denial_lag_s")
    text = f"The firewall then refused {count(total, 'late segment')} of it"
    text += "" if lag is None else f", the first {_lag_words(lag)} the teardown"
    lines = tuple(Proof(row["file"], row["line"], row["unit"]) for row in story.denials[:3])
    return [Claim(text + ".", lines)]


def _lag_words(lag_s: float) -> str:
    """Stamps of a log are whole seconds."""
    if lag_s < 0:
        return f"{span(-lag_s)} before the line of"
    return "within the second of" if lag_s < 1 else f"{span(lag_s)} after"


# --- alternatives that several causes share --------------------------------------------------


def why_abort(side: Side, *, after_fin: bool = False) -> list[Alternative]:
    """Reasons for which a live socket sends a RST (`after_fin`: right after its own FIN); a
    capture shows none of them."""
    host = role(side)
    linger = (
        f"The {host} shut down its sending half, then closed with SO_LINGER set to zero (Linux "
        "sends no RST for that once the peer has closed)."
        if after_fin
        else f"The {host} closed with SO_LINGER set to zero, to drop the connection at once."
    )
    return [
        Alternative(
            f"The {host} closed its socket with received bytes still unread (possible).",
            f"data reaching the {host} right before the RST, in a capture taken at the {host}; "
            "FreeBSD and NetBSD do not reset for this",
        ),
        Alternative(
            linger, f"the {host}'s configuration, or a system call trace (setsockopt SO_LINGER)"
        ),
        Alternative(
            f"The {host}'s process was killed or crashed.",
            f"many connections of that {host} ending in the same instant; its own log",
        ),
    ]
