"""How a denial's evidence is put into words: claims with their proofs, and the commands whose
output would settle what the log alone leaves open."""

from __future__ import annotations

from typing import Any

from finis.correlation.stories import Proof, Refusal
from finis.diagnosis import missing
from finis.diagnosis.cause import Alternative, Claim
from finis.diagnosis.denials import _drops
from finis.diagnosis.telling import span


def ends(row: dict[str, Any]) -> str:
    """``a:p to b:q`` as far as the row knows them."""

    def end(side: str) -> str:
        host, port = row.get(f"{side}_h"), row.get(f"{side}_p")
        if host is None:
            return "an unreadable address"
        return f"{host}:{port}" if port is not None else str(host)

    return f"{end('src')} to {end('dst')}"


def denied(refusal: Refusal) -> Claim:
    row = refusal.row
    flags = row.get("flags")
    what = f"{flags} " if flags else f"{row.get('proto') or 'packet'} "
    where = f" on interface {row['interface']}" if row.get("interface") else ""
    acl = f' by access list "{row["acl"]}"' if row.get("acl") else ""
    count = row.get("count") or 1
    times = f", {count} packets" if count > 1 else ""
    return Claim(
        f"refused{acl}: {what}from {ends(row)}{where}{times} ({row.get('msg_id')})",
        (refusal.proof,),
    )


def lag(row: dict[str, Any]) -> str:
    lag_s = row.get("lag_s")
    if lag_s is None:
        return "after"
    if lag_s <= 0:
        return "in the same second as"
    return f"{span(lag_s)} after"


def removed(refusal: Refusal) -> Claim:
    """The connection that had been there, and why it was gone."""
    row = refusal.row
    number = "" if row.get("conn_id") is None else f" {row['conn_id']}"
    reason = row.get("teardown_reason") or row.get("teardown") or "unknown"
    lived = row.get("conn_duration_s")
    life = "" if lived is None else f", after {span(lived)} and {row.get('conn_bytes') or 0} bytes"
    proofs = (refusal.teardown,) if refusal.teardown else ()
    return Claim(f'{lag(row)} the firewall removed connection{number}: "{reason}"{life}', proofs)


def packet(refusal: Refusal) -> list[Claim]:
    """The refused packet itself, where a capture shows it."""
    row = refusal.row
    if row.get("segment_file") is None or row.get("segment_frame") is None:
        return []
    proof = Proof(row["segment_file"], row["segment_frame"], "frame")
    form, answers = row.get("segment_rst_class"), row.get("segment_answers")
    if form in (None, "none"):
        return [Claim("the capture shows the refused packet", (proof,))]
    said = f"; it answers {answers}" if answers not in (None, "none", "unseen") else ""
    return [Claim(f"the capture shows the refused RST: its form is {form}{said}", (proof,))]


def repeated(refusal: Refusal) -> list[Claim]:
    total = refusal.row.get("repeats") or 0
    if total < 2:
        return []
    return [Claim(f"the same tuple was refused {total} times since", (refusal.proof,))]


def drop_reason(refusal: Refusal) -> list[Claim]:
    drop = _drops.find(refusal.row.get("msg_id"))
    return [Claim(f"{refusal.row['msg_id']}: {drop.meaning}", (refusal.proof,))] if drop else []


def history(refusal: Refusal) -> list[Claim]:
    """The usual evidence: the denial, what had been removed before, the packet, repetitions."""
    before = [removed(refusal)] if refusal.row.get("teardown") else []
    return [denied(refusal), *before, *packet(refusal), *repeated(refusal)]


def captures(refusal: Refusal, *, drop: str = "tcp-not-syn") -> list[str]:
    """ASA and tcpdump commands that record the next such case at both sides and at the drop."""
    where = missing.Where.of_denial(refusal.row)
    return [
        *missing.asa_both_sides(where),
        missing.asa_drops(where, drop),
        missing.tcpdump(where, "server"),
    ]


def would_decide(refusal: Refusal, text: str, *, drop: str = "tcp-not-syn") -> Alternative:
    """An alternative that the packets would decide, with the command that shows the refused one."""
    command = missing.asa_drops(missing.Where.of_denial(refusal.row), drop)
    return Alternative(text, f"a capture of the next case: {command}")


def never_built(refusal: Refusal) -> Claim:
    return Claim(
        "the log shows no connection of this tuple before, and would have shown it",
        (refusal.proof,),
    )
