# Mirrors resets.py.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._half cimport diff, end_of_kept, rcv_nxt
from finis.tracking._slots cimport flags_of, kind_of
from finis.tracking._state cimport Conn, Half, Kept, Tracker, slot


cdef inline uint8_t answers_of(const Kept *s) noexcept nogil:
    if kind_of(s) == K_SYN:
        return A_SYN
    if kind_of(s) == K_SYN_ACK:
        return A_SYN_ACK
    if kind_of(s) == K_FIN:
        return A_FIN
    if kind_of(s) == K_KEEP_ALIVE or kind_of(s) == K_WINDOW_PROBE:
        return A_KEEP_ALIVE
    if kind_of(s) == K_CHALLENGE_ACK:
        return A_CHALLENGE_ACK
    return A_DATA if s.payload_len else A_ACK


cdef inline bint could_answer(
    const Conn *c, int i, const Kept *one, const Segment *rst
) noexcept nogil:
    return (
        c.kept_side[i] != rst.side
        and not flags_of(one) & F_RST
        and 0 <= rst.ts_ns - one.ts_ns <= <int64_t>ANSWER_S * SECOND
    )


cdef inline int first_open(
    Tracker *t, const Conn *c, const Segment *rst
) noexcept nogil:
    """Index of the first kept segment after the last one that the sender of the RST acknowledged
    after it had come."""
    cdef const Kept *one
    cdef uint32_t acked = 0
    cdef bint known = False
    cdef int i
    for i in range(c.n_kept - 1, -1, -1):
        one = slot(t, c.kept[i])
        if flags_of(one) & F_RST:
            continue
        if c.kept_side[i] == rst.side:
            if flags_of(one) & F_ACK and (not known or diff(one.ack, acked) > 0):
                acked, known = one.ack, True
        elif known and not one.quirks & NO_SEQ and end_of_kept(one) != one.seq and (
            diff(acked, end_of_kept(one)) >= 0
        ):
            return i + 1
    return 0


cdef inline uint8_t misfit(const Half *x, uint32_t seq) noexcept nogil:
    if not x.isn_known and -STALE <= diff(seq, x.low) < 0:
        return C_UNKNOWN
    return C_SUSPECT


cdef inline uint8_t classify(
    Tracker *t, Conn *c, const Half *x, const Half *r, const Segment *rst,
    uint8_t *answers, int *answered,
) noexcept nogil:
    cdef uint32_t seq = rst.seq, ack = rst.ack
    cdef const Kept *one
    cdef int i, first = first_open(t, c, rst)
    cdef bint cannot_abort, forgotten
    answers[0] = A_NONE
    answered[0] = -1
    if not rst.flags & F_ACK:
        return bare(t, c, x, r, rst, first, answers, answered)
    if not x.isn_known:
        for i in range(c.n_kept - 1, -1, -1):
            one = slot(t, c.kept[i])
            if c.kept_side[i] != rst.side and kind_of(one) == K_SYN and ack == end_of_kept(one):
                answers[0] = A_SYN
                answered[0] = i
                return C_REFUSAL
    if seq == 0:
        for i in range(c.n_kept - 1, first - 1, -1):
            one = slot(t, c.kept[i])
            if not could_answer(c, i, one, rst):
                continue
            if not flags_of(one) & F_ACK and not one.quirks & NO_SEQ and ack == end_of_kept(one):
                answers[0] = answers_of(one)
                answered[0] = i
                return C_NO_STATE
    for i in range(c.n_kept - 1, first - 1, -1):
        one = slot(t, c.kept[i])
        if not could_answer(c, i, one, rst):
            continue
        if flags_of(one) & F_ACK and one.ack == seq and end_of_kept(one) == ack and not one.quirks & NO_SEQ:
            cannot_abort = not r.nxt_known or (
                ack != r.nxt and not (r.una_known and ack == r.una)
            )
            forgotten = x.fins > 0 and x.quiet_since_fin and one.ts_ns >= x.fin_ns
            if (cannot_abort or forgotten) and not rst.quirks & HAS_TS:
                answers[0] = answers_of(one)
                answered[0] = i
                return C_NO_STATE_ACK
            break
    return abort_class(x, seq)


cdef inline int before_fin(
    Tracker *t, const Conn *c, const Half *x, const Half *r, const Segment *rst, int first
) noexcept nogil:
    cdef const Kept *one
    cdef int i
    for i in range(first, c.n_kept):
        one = slot(t, c.kept[i])
        if (
            could_answer(c, i, one, rst)
            and one.payload_len and kind_of(one) != K_KEEP_ALIVE and kind_of(one) != K_FIN
            and flags_of(one) & F_ACK and one.ack == rst.seq and one.ts_ns >= x.fin_ns
            and (not r.una_known or (not one.quirks & NO_SEQ and diff(end_of_kept(one), r.una) > 0))
        ):
            return i
    return -1


cdef inline uint8_t bare(
    Tracker *t, Conn *c, const Half *x, const Half *r, const Segment *rst, int first,
    uint8_t *answers, int *answered,
) noexcept nogil:
    cdef uint32_t seq = rst.seq
    cdef const Kept *one
    cdef int i, earlier
    for i in range(c.n_kept - 1, first - 1, -1):
        one = slot(t, c.kept[i])
        if not could_answer(c, i, one, rst):
            continue
        if flags_of(one) & F_ACK and one.ack == seq:
            if x.fins and kind_of(one) == K_FIN and not one.payload_len and not x.rsts:
                earlier = before_fin(t, c, x, r, rst, first)
                if earlier >= 0:
                    i = earlier
                    one = slot(t, c.kept[i])
            answers[0] = answers_of(one)
            answered[0] = i
            if (x.state == SYN_SENT or x.state == RESET) and x.isn_known and seq != x.nxt:
                return C_BAD_ACK
            if one.payload_len and x.fins and kind_of(one) != K_KEEP_ALIVE:
                return C_DATA_AFTER_CLOSE
            return C_NO_STATE
    if r.pkts == 0 or not x.nxt_known:
        answers[0] = A_UNSEEN
        return C_NO_STATE
    if seq == x.nxt and not x.fins:
        return C_ABORT
    if diff(seq, x.nxt) > 0 or diff(seq, x.una if x.una_known else x.low) < 0:
        return misfit(x, seq)
    answers[0] = A_UNSEEN
    return C_NO_STATE


cdef inline uint8_t abort_class(const Half *x, uint32_t seq) noexcept nogil:
    if not x.nxt_known:
        return C_UNKNOWN if x.una_known and seq != x.una else C_ABORT
    if seq == x.nxt or (x.fins and seq == x.fin_seq):
        return C_ABORT
    if diff(seq, x.nxt) > 0 or diff(seq, x.una if x.una_known else x.low) < 0:
        return misfit(x, seq)
    return C_UNKNOWN


cdef inline uint8_t acceptance(
    const Half *x, const Half *r, uint16_t flags, uint32_t seq, uint32_t ack, bint has_seq
) noexcept nogil:
    cdef int32_t ahead
    if r.state == SYN_SENT and (x.state == SILENT or x.state == SYN_SENT or x.state == RESET):
        if flags & F_ACK and diff(ack, r.isn) > 0 and diff(ack, r.nxt) <= 0:
            return X_EXACT
        return X_OUTSIDE
    if not has_seq or not (x.nxt_known or x.una_known):
        return X_UNKNOWN
    ahead = diff(seq, rcv_nxt(x))
    if ahead == 0:
        return X_EXACT
    if x.nxt_known and x.n_holes and seq == x.nxt:
        return X_UNKNOWN
    if x.fins and seq == x.fin_seq and ahead == -1:
        return X_IN_WINDOW
    if ahead < 0 and x.una_known and seq == x.una and x.rexmit_pkts:
        return X_UNKNOWN
    if ahead < 0 or ahead >= FAR:
        return X_OUTSIDE
    if r.edge_known:
        return X_IN_WINDOW if diff(seq, r.edge) < 0 else X_OUTSIDE
    if r.win_known and ahead < r.win:
        return X_IN_WINDOW
    return X_UNKNOWN
