"""How a denial's evidence is put into words: claims with their proofs, and the commands whose
output would settle what the log alone leaves open."""

from __future__ import annotations

from typing import Any

from finis import words
from finis.correlation.stories import Proof, Refusal
from finis.diagnosis import icmp, keepalives, missing
from finis.diagnosis.cause import Alternative, Claim
from finis.diagnosis.denials import _drops
from finis.diagnosis.telling import span
from finis.records import replace
from finis.terms import Answers, RstClass, word

NO_CONNECTION_RULE = "RFC 9293 §3.10.7.1"
FORMS = {
    word(RstClass.ABORT): "its SEQ is its sender's next number: a process that had state gave up",
    word(RstClass.NO_STATE): "it has the form a host without state must use: no ACK bit, and as"
    " SEQ the ACK of the segment it answers",
    word(RstClass.NO_STATE_ACK): "its SEQ is the ACK of the segment it answers: the form of a host"
    " without state, in the manner of stacks that set the ACK bit as well",
    word(RstClass.REFUSAL): "it refuses a SYN",
    word(RstClass.DATA_AFTER_CLOSE): "it answers data that came after its sender had closed",
    word(RstClass.BAD_ACK): "it answers a bad ACK in the handshake",
    word(RstClass.REPEAT): "its sender had reset the connection before",
    word(RstClass.SUSPECT): "it fits nothing its supposed sender could know",
}
ANSWERED = {
    word(Answers.SYN): "a SYN",
    word(Answers.SYN_ACK): "a SYN ACK",
    word(Answers.ACK): "an ACK",
    word(Answers.DATA): "data",
    word(Answers.FIN): "the peer's FIN",
    word(Answers.KEEP_ALIVE): "a keep-alive",
    word(Answers.CHALLENGE_ACK): "a challenge ACK",
}
# Messages that name no destination: it is one of the firewall's own addresses.
TO_THE_FIREWALL = ("313001", "313008")

# Events of an FTD, whose rules are no access lists.
FTD_RULES = ("430002", "430003")


def ends(row: dict[str, Any]) -> str:
    """``a:p to b:q`` as far as the row knows them."""

    def end(side: str) -> str:
        host, port = row.get(f"{side}_h"), row.get(f"{side}_p")
        if host is None:
            own = side == "dst" and row.get("msg_id") in TO_THE_FIREWALL
            return "the firewall itself" if own else "an unreadable address"
        return str(host) if port is None else words.endpoint(host, port)

    return f"{end('src')} to {end('dst')}"


def _packet(row: dict[str, Any]) -> str:
    """What was refused, from whom to whom: of an ICMP error also the packet that it quotes."""
    told = icmp.of_flags(row.get("flags"), ":" in (row.get("src_h") or row.get("dst_h") or ""))
    if told is None:
        proto = row.get("proto")
        what = row.get("flags") or (f"{_a(proto.upper())} packet" if proto else "a packet")
        return f"{what} from {ends(row)}"
    said, _, reporter = (row.get("reason") or "").rpartition(" from ")
    if said.startswith("ICMP ") and reporter != row.get("src_h"):  # it quotes that packet
        return f"{told} from {reporter} about a packet from {ends(row)}"
    return f"{told} from {ends(row)}"


def _a(abbreviation: str) -> str:
    """With its article, as the letters are read out: a TCP, an ICMP."""
    return f"{'an' if abbreviation[0] in 'AEFHILMNORSX' else 'a'} {abbreviation}"


def _interface(row: dict[str, Any]) -> str | None:
    """The interface of a log line; a drop capture belongs to none, its rows name the capture."""
    return None if row.get("unit") == "frame" else row.get("interface")


def _refused_at(refusal: Refusal) -> missing.Where:
    """Hosts as the refused packet names them, on the interface that it came in by."""
    return missing.Where.of_denial(refusal.row | {"interface": _interface(refusal.row)})


def _where(refusal: Refusal) -> missing.Where:
    """Both sides of the firewall, as far as the connection before it tells of them."""
    here = _refused_at(refusal)
    if refusal.story is None:
        return here
    there = missing.Where.of(refusal.story.row)
    return replace(
        there,
        client_if=there.client_if or here.client_if,
        server_if=there.server_if or here.server_if,
        behind_firewall=True,
        product=here.product,
    )


def denied(refusal: Refusal) -> Claim:
    row = refusal.row
    where = f" on interface {interface}" if (interface := _interface(row)) else ""
    netfilter = row.get("product") == "netfilter"
    rule = "the rule that logs" if netfilter else "access list"
    if row.get("msg_id") in FTD_RULES:
        rule = "access control rule"
    acl = f" by {rule} “{row['acl']}”" if row.get("acl") else ""
    count = row.get("count") or 1
    times = f", {count} packets" if count > 1 else ""
    by = f"{row.get('msg_id')}" if row.get("unit") == "frame" else f"message {row.get('msg_id')}"
    by = "kernel log" if netfilter else by
    return Claim(
        f"The firewall refused {_packet(row)}{where}{acl}{times} ({by}).",
        (refusal.proof,),
    )


def permitted(refusal: Refusal) -> list[Claim]:
    """An access list let the same packet through just before: not a matter of rules."""
    row = refusal.row
    if row.get("permitted_by") is None or row.get("permitted_file") is None:
        return []
    proof = Proof(row["permitted_file"], row["permitted_line"] or 0, "line")
    rule = "The rule that logs" if row.get("product") == "netfilter" else "Access list"
    text = f"{rule} “{row['permitted_by']}” had permitted it: the state check refused it."
    return [Claim(text, (proof,))]


def removed(refusal: Refusal) -> Claim:
    """The connection that had been there, and why it was gone."""
    row = refusal.row
    lag_s, lived = row.get("lag_s"), row.get("conn_duration_s")
    if lag_s is None:
        when = "before"
    elif lag_s < 0:
        when = f"in a line stamped {span(-lag_s)} later"
    elif lag_s < 1:
        when = "in the same second"
    else:
        when = f"{span(lag_s)} before"
    number = "" if row.get("conn_id") is None else f" {row['conn_id']}"
    reason = row.get("teardown_reason") or row.get("teardown") or "unknown"
    carried = words.count(row.get("conn_bytes") or 0, "byte")
    life = "" if lived is None else f", after {span(lived)} and {carried}"
    proofs = (refusal.teardown,) if refusal.teardown else ()
    if row.get("product") == "netfilter":  # it states no bytes, and keeps its entries
        text = f"Its connection{number} had ended there as “{reason}” {when}."
        return Claim(text, proofs)
    return Claim(f"It had removed connection{number} as “{reason}” {when}{life}.", proofs)


def idle_bound(refusal: Refusal) -> list[Claim]:
    """How long the idle timer was at most that had removed its connection."""
    row, proofs = refusal.row, (refusal.teardown or refusal.proof,)
    lived_s = row.get("conn_duration_s")
    if lived_s is None and refusal.story is not None:
        lived_s = keepalives.lived(refusal.story.row)
    return keepalives.bound(lived_s, row.get("product"), proofs)


def built(refusal: Refusal) -> list[Claim]:
    """Where the connection before it was opened, if that is logged."""
    shown = refusal.built
    return [] if shown is None else [Claim("The connection is logged as built.", (shown,))]


def packet(refusal: Refusal) -> list[Claim]:
    """The refused packet itself, where a capture shows it."""
    row = refusal.row
    if row.get("segment_file") is None or row.get("segment_frame") is None:
        return []
    proof = Proof(row["segment_file"], row["segment_frame"], "frame")
    form = row.get("segment_rst_class")
    if form not in FORMS:
        shown = Claim("The capture shows the refused packet.", (proof,))
        return [] if row.get("unit") == "frame" else [shown]
    stateless = form in (word(RstClass.NO_STATE), word(RstClass.NO_STATE_ACK))
    rule = NO_CONNECTION_RULE if stateless else ""
    claims = [Claim(f"The capture shows that RST: {FORMS[form]}.", (proof,), rule)]
    if row.get("segment_answers") in ANSWERED:
        text = f"It answers {ANSWERED[row['segment_answers']]}."
        if stateless:
            text = f"{text[:-1]}; a RST is never answered with a RST."
        claims.append(Claim(text, (proof,), rule))
    return claims


def repeated(refusal: Refusal) -> list[Claim]:
    total = refusal.row.get("repeats") or 0
    if total < 2:
        return []
    return [Claim(f"Segments of this tuple were refused {total} times.", (refusal.proof,))]


def said(refusal: Refusal) -> list[Claim]:
    """The firewall's own words of the message, where they say more than that it refused."""
    reason = refusal.row.get("reason")
    if not reason or refusal.row.get("kind") == "icmp":  # type and code: `denied` tells them
        return []
    return [Claim(f"Its words: “{reason}”.", (refusal.proof,))]


def drop_reason(refusal: Refusal) -> list[Claim]:
    drop = _drops.find(refusal.row.get("msg_id"))
    if drop is None:
        return []
    return [Claim(f"Its reason {refusal.row['msg_id']} means: {drop.meaning}.", (refusal.proof,))]


def history(refusal: Refusal) -> list[Claim]:
    """The usual evidence: the denial, what had been removed before, the packet, repetitions."""
    before = [removed(refusal)] if refusal.row.get("teardown") else []
    return [
        denied(refusal),
        *permitted(refusal),
        *before,
        *packet(refusal),
        *repeated(refusal),
    ]


def never_built(refusal: Refusal) -> Claim:
    reach_s = refusal.row.get("reach_s")
    within = "" if reach_s is None else f" within the {span(reach_s)} before"
    return Claim(
        f"The log shows no connection of this tuple{within}, and would have shown it.",
        (refusal.proof,),
    )


def own_mapping(refusal: Refusal) -> list[Claim]:
    """It was sent to an address that only this firewall sends from."""
    if not refusal.row.get("dst_mapped") or refusal.row.get("seen_before") != "no":
        return []
    host = refusal.row.get("dst_h")
    text = f"The log shows connections translated to {host}: what is sent from there passes"
    return [Claim(f"{text} this firewall.", (refusal.proof,))]


def fanout(refusal: Refusal) -> Claim:
    targets = words.count(refusal.row.get("src_fanout") or 0, "target")
    return Claim(f"This source was refused at {targets} in all.", (refusal.proof,))


def captures(refusal: Refusal, *, drop: str = "tcp-not-syn") -> list[str]:
    """Commands that record the next such case at both sides and at the drop."""
    where = _where(refusal)
    return [
        *missing.at_firewall(where),
        missing.dropped(_refused_at(refusal), drop),
        missing.tcpdump(where, "server"),
    ]


def would_decide(refusal: Refusal, text: str) -> Alternative:
    """An alternative that the packets would decide, with the command that shows the refused one."""
    where = _where(refusal)
    if where.product == "netfilter":
        return Alternative(text, f"a capture of the next case: {missing.at_firewall(where)[0]}")
    command = missing.dropped(_refused_at(refusal), "tcp-not-syn")
    return Alternative(text, f"a capture of the next case: {command}")
