"""What a RST is: what it answers, what kind it is, and whether its receiver had to accept it.

Everything is read at one point, from segments that passed it.  The rules, in order, for a RST
from X to R (RFC 9293 §3.10.7.1 says how a host without state answers, §3.10.5 how a process
aborts, §3.10.7.3–4 and RFC 5961 §3.2 what R must accept):

* A RST is never answered with a RST, so only other segments of R can be what it answers; and
  only those after the last that X acknowledged, since X had state when that came.
* No ACK bit: the form of an answer by a host without state.  It answers the latest segment of R
  whose ACK equals SEG.SEQ, if that passed less than `ANSWER_NS` before; a first RST rather the
  data before R's FIN that X never acknowledged, since that came first to the closed socket.
* ACK bit, acknowledging a SYN of R where X sent none: a refusal.
* ACK bit, SEQ and ACK equal to a segment's ACK and SEQ + LEN: lwIP and Windows answer like this
  without state.  But an abort right after that segment has the same numbers.  It is read as an
  abort unless it cannot be one (its ACK is not RCV.NXT: an answered keep-alive), or X had sent
  its FIN and then nothing, as a host that has forgotten the connection would.  Timestamps in
  the RST speak against either: without state there is no clock to send.
* Otherwise it is a process giving up, if SEQ fits what X had sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from finis.terms import Accept, Answers, Flag, Kind, Quirk, RstClass
from finis.tracking.states import State
from finis.wire.seqnum import diff

if TYPE_CHECKING:
    from finis.tracking.half import Half
    from finis.tracking.segment import Segment

ANSWER_NS = 3_000_000_000  # an answer takes a round trip between the point and X, and no more
STALE = 1 << 26  # midstream, numbers this far before the first seen may still be in flight
FAR = 1 << 30  # no window is larger (RFC 7323 §2.3): beyond this numbers belong elsewhere

_ANSWERS = {
    Kind.SYN: Answers.SYN,
    Kind.SYN_ACK: Answers.SYN_ACK,
    Kind.FIN: Answers.FIN,
    Kind.KEEP_ALIVE: Answers.KEEP_ALIVE,
    Kind.WINDOW_PROBE: Answers.KEEP_ALIVE,
    Kind.CHALLENGE_ACK: Answers.CHALLENGE_ACK,
}

# Preference when a side sends several RSTs: the one its peer was most bound to accept counts.
UNREADABLE = (RstClass.UNKNOWN, Answers.NONE, None)  # a RST without usable SEQ

RANK = {Accept.NONE: 0, Accept.OUTSIDE: 1, Accept.UNKNOWN: 2, Accept.IN_WINDOW: 3, Accept.EXACT: 4}


def answers_of(kept: Segment) -> Answers:
    """What kind of segment is answered."""
    known = _ANSWERS.get(Kind(kept.kind))
    if known is not None:
        return known
    return Answers.DATA if kept.payload_len else Answers.ACK


def _latest(kept: list[Segment], side: int, ts_ns: int) -> list[Segment]:
    """The other side's segments that a RST at `ts_ns` could answer, latest first."""
    found: list[Segment] = []
    acked: int | None = None  # the furthest that `side` acknowledged since
    for one in reversed(kept):
        if one.flags & Flag.RST:
            continue
        if one.side == side:
            if one.has_ack and (acked is None or diff(one.ack, acked) > 0):
                acked = one.ack
            continue
        if acked is not None and one.has_seq and one.length and diff(acked, one.end) >= 0:
            break  # it was taken, with all before it
        if 0 <= ts_ns - one.ts_ns <= ANSWER_NS:
            found.append(one)
    return found


def classify(
    x: Half, r: Half, rst: Segment, kept: list[Segment]
) -> tuple[RstClass, Answers, Segment | None]:
    """Class of a RST that X sends, what it answers, and that segment if `kept` has it."""
    seq, ack = rst.seq, rst.ack
    before = _latest(kept, rst.side, rst.ts_ns)
    if not rst.has_ack:
        return _bare(x, r, before, seq)
    if not x.isn_known:  # a refusal may take its time: a proxy first tries the server itself
        for one in reversed(kept):
            if one.side != rst.side and one.kind == Kind.SYN and ack == one.end:
                return RstClass.REFUSAL, Answers.SYN, one
    for one in before:  # SEQ 0, ACK = SEG.SEQ + SEG.LEN: the answer to a segment without ACK
        if seq == 0 and not one.has_ack and one.has_seq and ack == one.end:
            return RstClass.NO_STATE, answers_of(one), one
    for one in before:
        if one.flags & Flag.ACK and one.ack == seq and one.end == ack and one.has_seq:
            # A live X may abort before it takes what has just come: then ACK is what it had last
            # acknowledged.
            cannot_abort = not r.nxt_known or (ack != r.nxt and not (r.una_known and ack == r.una))
            forgotten = x.fins > 0 and x.quiet_since_fin and one.ts_ns >= x.fin_ns
            if (cannot_abort or forgotten) and not rst.quirks & Quirk.HAS_TS:
                return RstClass.NO_STATE_ACK, answers_of(one), one
            break
    return _abort(x, seq)


def _bare(
    x: Half, r: Half, before: list[Segment], seq: int
) -> tuple[RstClass, Answers, Segment | None]:
    for one in before:
        if one.flags & Flag.ACK and one.ack == seq:
            if x.state in (State.SYN_SENT, State.RESET) and x.isn_known and seq != x.nxt:
                return RstClass.BAD_ACK, answers_of(one), one
            if x.fins and one.kind == Kind.FIN and not one.payload_len and not x.rsts:
                one = _before_fin(x, r, before, seq) or one
            if one.payload_len and x.fins and one.kind != Kind.KEEP_ALIVE:
                return RstClass.DATA_AFTER_CLOSE, answers_of(one), one
            return RstClass.NO_STATE, answers_of(one), one
    if r.pkts == 0 or not x.nxt_known:
        return RstClass.NO_STATE, Answers.UNSEEN, None
    if seq == x.nxt and not x.fins:
        # the ABORT call of RFC 9293 §3.10.5 sends no ACK; an old ACK of R may carry this number
        return RstClass.ABORT, Answers.NONE, None
    if diff(seq, x.nxt) > 0 or diff(seq, x.una if x.una_known else x.low) < 0:
        return _misfit(x, seq)
    return RstClass.NO_STATE, Answers.UNSEEN, None


def _before_fin(x: Half, r: Half, before: list[Segment], seq: int) -> Segment | None:
    """The earliest data of R that came after X's FIN with this ACK and was not acknowledged."""
    for one in reversed(before):
        if (
            one.payload_len
            and one.kind not in (Kind.KEEP_ALIVE, Kind.FIN)
            and one.flags & Flag.ACK
            and one.ack == seq
            and one.ts_ns >= x.fin_ns
            and (not r.una_known or (one.has_seq and diff(one.end, r.una) > 0))
        ):
            return one
    return None


def _misfit(x: Half, seq: int) -> tuple[RstClass, Answers, None]:
    """SEQ ahead of all that X sent, or long acknowledged: X would not send it.  Before the first
    number seen of a connection that was joined midstream nothing can be said."""
    if not x.isn_known and -STALE <= diff(seq, x.low) < 0:
        return RstClass.UNKNOWN, Answers.NONE, None
    return RstClass.SUSPECT, Answers.NONE, None


def _abort(x: Half, seq: int) -> tuple[RstClass, Answers, Segment | None]:
    if not x.nxt_known:
        if x.una_known and seq != x.una:
            return RstClass.UNKNOWN, Answers.NONE, None
        return RstClass.ABORT, Answers.NONE, None
    if seq == x.nxt or (x.fins and seq == x.fin_seq):
        return RstClass.ABORT, Answers.NONE, None  # the latter: macOS repeats the SEQ of its FIN
    if diff(seq, x.nxt) > 0 or diff(seq, x.una if x.una_known else x.low) < 0:
        return _misfit(x, seq)
    return RstClass.UNKNOWN, Answers.NONE, None


def acceptance(x: Half, r: Half, flags: int, seq: int, ack: int, has_seq: bool) -> Accept:
    """Must R accept this RST from X?  R's RCV.NXT is what X delivered in sequence past this
    point, or what R acknowledged if that is more.

    A RST at the SEQ of X's own FIN is outside by the letter, but Linux accepts it in CLOSE-WAIT,
    LAST-ACK and CLOSING (macOS sends it): IN_WINDOW, the verdict that leaves it to the stack.
    """
    if r.state == State.SYN_SENT and x.state in (State.SILENT, State.SYN_SENT, State.RESET):
        # SYN-SENT: acceptable if it acknowledges the SYN, RFC 9293 §3.10.7.3
        acks_syn = flags & Flag.ACK and diff(ack, r.isn) > 0 and diff(ack, r.nxt) <= 0
        return Accept.EXACT if acks_syn else Accept.OUTSIDE
    if not has_seq or not (x.nxt_known or x.una_known):
        return Accept.UNKNOWN
    rcv_nxt = x.rcv_nxt()
    ahead = diff(seq, rcv_nxt)
    if ahead == 0:
        return Accept.EXACT
    if x.nxt_known and x.holes and seq == x.nxt:
        return Accept.UNKNOWN  # lost on the way, or only missed by the capture?
    if x.fins and seq == x.fin_seq and ahead == -1:
        return Accept.IN_WINDOW
    if ahead < 0 and x.una_known and seq == x.una and x.rexmit_pkts:
        return Accept.UNKNOWN  # X repeated what follows, in vain: it may never have arrived
    if ahead < 0 or ahead >= FAR:
        return Accept.OUTSIDE
    if r.edge_known:
        return Accept.IN_WINDOW if diff(seq, r.edge) < 0 else Accept.OUTSIDE
    if r.win_known and ahead < r.win:
        return Accept.IN_WINDOW
    return Accept.UNKNOWN
