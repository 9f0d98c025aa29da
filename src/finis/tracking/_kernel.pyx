"""Kernel: segments to connections.  Mirrors half.py, resets.py, connection.py, record.py,
verdict.py and reference.py function by function; names and reasons are explained there.

The state of a connection is one C struct in a NumPy array, kept segments are rows of another, and
the flow table is open addressing over indices.  The loop allocates nothing: when an array is full
it returns, Python doubles the array, and the loop goes on.
"""

from libc.stdint cimport (
    int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t,
)
from libc.string cimport memset

import secrets

import numpy as np

from finis.wire.segment cimport Segment

from finis import terms
from finis.tables import OBSERVATION, SEGMENT, record_dtype
from finis.tracking import endings, half, history, record, reference, resets, segment, states
from finis.tracking._api import Observations
from finis.tracking.alerts import ALERT_SIZES, TLS_PORTS

# terms.Flag
cdef enum:
    F_FIN = 0x01
    F_SYN = 0x02
    F_RST = 0x04
    F_ACK = 0x10

# terms.Quirk
cdef enum:
    NO_SEQ = 1 << 0
    NO_WIN = 1 << 1
    NO_TTL = 1 << 2
    NO_IP_ID = 1 << 3
    NO_PAYLOAD = 1 << 4
    HAS_TS = 1 << 5
    HAS_WSCALE = 1 << 6
    HAS_MSS = 1 << 7
    BAD_CHECKSUM = 1 << 13
    COPY = 1 << 18
    RELATIVE_SEQ = 1 << 20
    TRUNCATED_HEADER = 1 << 22

# terms.Kind
cdef enum:
    K_UNKNOWN, K_SYN, K_SYN_ACK, K_ACK, K_DATA, K_FIN, K_RST, K_KEEP_ALIVE, K_KEEP_ALIVE_ACK
    K_WINDOW_PROBE, K_CHALLENGE_ACK, K_WINDOW_UPDATE, K_DUP_ACK, K_OUT_OF_WINDOW, K_STRAY

# terms.Role
cdef enum:
    ROLE_SYN = 1 << 0
    ROLE_SYN_ACK = 1 << 1
    ROLE_FIN = 1 << 2
    ROLE_LAST_DATA = 1 << 3
    ROLE_LAST_ACK = 1 << 4
    ROLE_RST = 1 << 5
    ROLE_ANSWERED = 1 << 6
    ROLE_ACKS_FIN = 1 << 7
    ROLE_RECENT = 1 << 8
    ROLE_ALERT = 1 << 9
    ROLE_RETRANSMISSION = 1 << 10
    ROLE_HANDSHAKE_ACK = 1 << 11

# terms.RstClass
cdef enum:
    C_NONE, C_ABORT, C_NO_STATE, C_REFUSAL, C_DATA_AFTER_CLOSE, C_NO_STATE_ACK, C_BAD_ACK
    C_REPEAT, C_SUSPECT, C_UNKNOWN

# terms.Answers
cdef enum:
    A_NONE, A_SYN, A_SYN_ACK, A_ACK, A_DATA, A_FIN, A_KEEP_ALIVE, A_CHALLENGE_ACK, A_UNSEEN

# terms.Accept
cdef enum:
    X_NONE, X_EXACT, X_IN_WINDOW, X_OUTSIDE, X_UNKNOWN

# terms.Ended
cdef enum:
    E_OPEN, E_CLOSED, E_CLOSING, E_HALF_CLOSED, E_RESET, E_REFUSED, E_UNANSWERED

# terms.Notify
cdef enum:
    N_UNSEEN, N_NO, N_LIKELY, N_YES

# terms.Alert
cdef enum:
    AL_NONE, AL_LIKELY, AL_RECORD, AL_CLOSE_NOTIFY, AL_WARNING, AL_FATAL

# states.State
cdef enum:
    SILENT, SYN_SENT, SYN_ACK_SENT, PARTIAL, OPEN, FIN_SENT, FIN_ACKED, RESET, FIN_RESET

# states.Stimulus
cdef enum:
    ON_SYN, ON_SYN_ACK, ON_ACK, ON_HANDSHAKE_ACK, ON_FIN, ON_RST, ON_SYN_ACKED, ON_FIN_ACKED
    ON_PEER_FIN
    STIMULI

# endings
cdef enum:
    FROM_RESP = 1
    S_SYN = 2
    S_FIN = 4
    S_RST = 8
    S_ACK = 16
    S_DATA = 32
    S_ALERT = 64
    S_REPEAT = 128
    S_OUTSIDE = 256

# history, as bits
cdef enum:
    H_S = 1 << 0
    H_H = 1 << 1
    H_A = 1 << 2
    H_D = 1 << 3
    H_F = 1 << 4
    H_R = 1 << 5
    H_I = 1 << 6
    H_Q = 1 << 7
    H_C = 1 << 8
    H_T = 1 << 9
    H_W = 1 << 10
    H_G = 1 << 11

cdef enum:
    NONE = 255
    NO_SCALE = 255
    MAX_HOLES = 4
    MAX_SYMBOLS = 16
    MAX_HISTORY = 24
    RECENT = 8
    KEPT = 32  # at most 20 pinned, 8 recent and the one just coming in
    U16 = 0xFFFF
    COPY_NS = 1000000
    STALE = 1 << 26
    FAR = 1 << 30
    MAX_PAYLOAD = 1 << 24
    NOWHERE = 0x7FFFFFFF  # no index

cdef int64_t ANSWER_NS = 3000000000
cdef int64_t SPAN_NS = <int64_t>1 << 61

assert (STALE, FAR, SPAN_NS, ANSWER_NS) == (
    resets.STALE, resets.FAR, segment.SPAN_NS, resets.ANSWER_NS)
assert (MAX_HOLES, MAX_SYMBOLS, MAX_HISTORY, RECENT, COPY_NS, MAX_PAYLOAD) == (
    half.MAX_HOLES, endings.MAX_SYMBOLS, history.MAX_HISTORY, record.RECENT, record.COPY_NS,
    reference.MAX_PAYLOAD)
assert (len(states.State), len(states.Stimulus)) == (FIN_RESET + 1, STIMULI)

cdef struct Hole:
    uint32_t first
    uint32_t end

cdef struct Half:
    uint64_t bytes
    uint64_t ip_bytes
    uint64_t after_fin
    uint64_t after_own_fin
    int64_t first_seg_ns
    int64_t last_seg_ns
    int64_t first_data_ns
    int64_t last_data_ns
    int64_t fin_ns
    int64_t fin_acked_ns
    int64_t rst_ns
    int64_t rst_lag_ns
    uint64_t head
    uint32_t pkts
    uint32_t rexmit_pkts
    uint32_t rexmit_bytes
    uint32_t keep_alives
    uint32_t probes
    uint32_t challenge
    uint32_t out_of_window
    uint32_t zero_windows
    uint32_t dup_acks
    uint32_t isn
    uint32_t una
    uint32_t nxt
    uint32_t fin_seq
    uint32_t rst_seq
    uint32_t rst_ack
    uint32_t low
    uint32_t edge
    uint32_t last_ack
    uint32_t rst_mark
    uint32_t last_len
    uint32_t hist_syn
    uint32_t hist_fin
    uint32_t hist_rst
    uint32_t hist_bad
    uint32_t hist_again
    uint32_t hist_zero
    uint32_t hist_gap
    Hole holes[5]
    uint16_t syns
    uint16_t fins
    uint16_t rsts
    uint16_t mss
    uint16_t win
    uint16_t hist_seen
    uint8_t isn_known
    uint8_t nxt_known
    uint8_t wscale
    uint8_t rst_class
    uint8_t rst_answers
    uint8_t rst_accept
    uint8_t notify
    uint8_t alert
    uint8_t alert_desc
    uint8_t head_len
    uint8_t ttl_min
    uint8_t ttl_max
    uint8_t rst_ttl
    uint8_t last_win0
    uint8_t state
    uint8_t una_known
    uint8_t n_holes
    uint8_t edge_known
    uint8_t scaling
    uint8_t win_known
    uint8_t ack_known
    uint8_t provoked
    uint8_t probed
    uint8_t sent_syn_ack
    uint8_t sent_ack
    uint8_t quiet_since_fin
    uint8_t rst_mark_known
    uint8_t since_rst
    uint8_t last_alert
    uint8_t last_shown
    uint8_t last_fits

cdef struct Undo:
    int64_t last_ns
    int64_t max_gap_ns
    int64_t max_gap_at_ns
    int64_t first_seg_ns
    int64_t last_seg_ns
    uint32_t last_frame
    uint32_t zero_windows
    uint32_t hist_syn
    uint16_t last_file
    uint16_t hist_seen
    uint8_t ttl_min
    uint8_t ttl_max
    uint8_t last_win0
    uint8_t n_history
    uint8_t n_ending
    uint8_t doubtful

cdef struct Conn:
    uint64_t orig_hi
    uint64_t orig_lo
    uint64_t resp_hi
    uint64_t resp_lo
    uint64_t conn
    int64_t first_ns
    int64_t last_ns
    int64_t max_gap_ns
    int64_t max_gap_at_ns
    int64_t closing_gap_ns
    int64_t established_ns
    int64_t reuse_gap_ns
    int64_t touched_ns
    Half halves[2]
    Undo undo
    uint32_t first_frame
    uint32_t last_frame
    uint32_t pending_seq
    uint32_t relative
    uint32_t hash
    uint32_t before  # neighbours in the list it waits in; `after` also links free and done ones
    uint32_t after
    uint32_t kept[KEPT]  # rows of the slots
    uint16_t kept_role[KEPT]
    uint16_t ending[MAX_SYMBOLS]
    uint16_t orig_p
    uint16_t resp_p
    uint16_t point
    uint16_t vlan
    uint16_t file
    uint16_t last_file
    uint8_t kept_side[KEPT]
    uint8_t kept_sym[KEPT]
    uint8_t history[MAX_HISTORY]
    uint8_t orientation
    uint8_t established
    uint8_t midstream
    uint8_t simultaneous
    uint8_t ended
    uint8_t first_fin
    uint8_t first_rst
    uint8_t conn_state
    uint8_t reset_by
    uint8_t n_kept
    uint8_t n_ending
    uint8_t n_history
    uint8_t answered
    uint8_t closing
    uint8_t refused
    uint8_t doubtful
    uint8_t pending
    uint8_t waiting  # which list

cdef struct Queue:
    int64_t limit_ns
    uint32_t first
    uint32_t last

cdef struct Tracker:
    Conn *conns
    Segment *slots
    uint32_t *table
    const uint8_t *states
    const uint8_t *tls_ports
    const uint8_t *alert_sizes
    const uint8_t *rank
    Queue queues[3]
    int64_t now_ns
    int64_t reuse_ns
    uint64_t seed
    uint64_t count
    uint64_t evicted
    uint64_t n_live
    uint64_t max_live
    uint64_t n_done
    uint32_t mask
    uint32_t free_conn
    uint32_t free_slot
    uint32_t n_free_conns
    uint32_t n_free_slots
    uint32_t done


# --- numbers (wire/seqnum.py) -----------------------------------------------------------------

cdef inline int32_t diff(uint32_t a, uint32_t b) noexcept nogil:
    return <int32_t>(a - b)


cdef inline uint32_t length_of(const Segment *s) noexcept nogil:
    if s.flags & F_RST:
        return 0
    return s.payload_len + (1 if s.flags & F_SYN else 0) + (1 if s.flags & F_FIN else 0)


cdef inline uint32_t end_of(const Segment *s) noexcept nogil:
    return s.seq + length_of(s)


cdef inline bint has_seq_of(const Segment *s) noexcept nogil:
    return not s.quirks & NO_SEQ


# --- half.py ----------------------------------------------------------------------------------

cdef inline void step(Tracker *t, Half *h, int stimulus) noexcept nogil:
    h.state = t.states[h.state * STIMULI + stimulus]


cdef inline int scale_of(const Half *x, const Half *r) noexcept nogil:
    if (x.scaling and x.wscale == NO_SCALE) or (r.scaling and r.wscale == NO_SCALE):
        return 0
    if x.scaling and r.scaling:
        return x.wscale
    return -1


cdef inline uint32_t rcv_nxt(const Half *h) noexcept nogil:
    cdef uint32_t expected
    if not h.nxt_known:
        return h.una
    expected = h.holes[0].first if h.n_holes else h.nxt
    if h.una_known and diff(h.una, expected) > 0:
        return h.una
    return expected


cdef void drop_first_hole(Half *h) noexcept nogil:
    cdef int i
    for i in range(1, h.n_holes):
        h.holes[i - 1] = h.holes[i]
    h.n_holes -= 1


cdef uint32_t fill(Half *h, uint32_t seq, uint32_t end) noexcept nogil:
    cdef Hole left[10]
    cdef int n = 0, i, skip
    cdef uint32_t a, b, first, last, filled = 0
    for i in range(h.n_holes):
        first = h.holes[i].first
        last = h.holes[i].end
        a = seq if diff(seq, first) > 0 else first
        b = end if diff(end, last) < 0 else last
        if diff(b, a) <= 0:
            left[n] = h.holes[i]
            n += 1
            continue
        filled += <uint32_t>diff(b, a)
        if diff(a, first) > 0:
            left[n].first = first
            left[n].end = a
            n += 1
        if diff(last, b) > 0:
            left[n].first = b
            left[n].end = last
            n += 1
    skip = n - MAX_HOLES if n > MAX_HOLES else 0
    h.n_holes = <uint8_t>(n - skip)
    for i in range(n - skip):
        h.holes[i] = left[i + skip]
    return filled


cdef uint32_t mark(Half *h, uint32_t seq, uint32_t length) noexcept nogil:
    cdef uint32_t end = seq + length, fresh = 0
    if diff(seq, h.nxt) > 0:
        if h.n_holes == MAX_HOLES:
            drop_first_hole(h)
        h.holes[h.n_holes].first = h.nxt
        h.holes[h.n_holes].end = seq
        h.n_holes += 1
        h.nxt = end
        return length
    if diff(end, h.nxt) > 0:
        fresh = <uint32_t>diff(end, h.nxt)
    if h.n_holes:
        fresh += fill(h, seq, end)
    if diff(end, h.nxt) > 0:
        h.nxt = end
    return fresh


cdef bint acknowledge_half(Half *h, uint32_t ack) noexcept nogil:
    cdef bint gap = False
    h.una = ack
    h.una_known = 1
    while h.n_holes and diff(ack, h.holes[0].first) > 0:
        gap = True
        if diff(ack, h.holes[0].end) < 0:
            h.holes[0].first = ack
            break
        drop_first_hole(h)
    if h.nxt_known and diff(ack, h.nxt) > 0:
        gap = True
        h.nxt = ack
        h.n_holes = 0
    return gap


# --- resets.py --------------------------------------------------------------------------------

cdef uint8_t answers_of(const Segment *s) noexcept nogil:
    if s.kind == K_SYN:
        return A_SYN
    if s.kind == K_SYN_ACK:
        return A_SYN_ACK
    if s.kind == K_FIN:
        return A_FIN
    if s.kind == K_KEEP_ALIVE or s.kind == K_WINDOW_PROBE:
        return A_KEEP_ALIVE
    if s.kind == K_CHALLENGE_ACK:
        return A_CHALLENGE_ACK
    return A_DATA if s.payload_len else A_ACK


cdef inline bint could_answer(
    const Conn *c, int i, const Segment *one, const Segment *rst
) noexcept nogil:
    return (
        c.kept_side[i] != rst.side
        and not one.flags & F_RST
        and 0 <= rst.ts_ns - one.ts_ns <= ANSWER_NS
    )


cdef uint8_t misfit(const Half *x, uint32_t seq) noexcept nogil:
    if not x.isn_known and -STALE <= diff(seq, x.low) < 0:
        return C_UNKNOWN
    return C_SUSPECT


cdef uint8_t classify(
    Tracker *t, Conn *c, const Half *x, const Half *r, const Segment *rst,
    uint8_t *answers, int *answered,
) noexcept nogil:
    cdef uint32_t seq = rst.seq, ack = rst.ack
    cdef const Segment *one
    cdef int i
    cdef bint cannot_abort, forgotten
    answers[0] = A_NONE
    answered[0] = -1
    if not rst.flags & F_ACK:
        return bare(t, c, x, r, rst, answers, answered)
    if not x.isn_known:
        for i in range(c.n_kept - 1, -1, -1):
            one = &t.slots[c.kept[i]]
            if c.kept_side[i] != rst.side and one.kind == K_SYN and ack == end_of(one):
                answers[0] = A_SYN
                answered[0] = i
                return C_REFUSAL
    if seq == 0:
        for i in range(c.n_kept - 1, -1, -1):
            one = &t.slots[c.kept[i]]
            if not could_answer(c, i, one, rst):
                continue
            if not one.flags & F_ACK and has_seq_of(one) and ack == end_of(one):
                answers[0] = answers_of(one)
                answered[0] = i
                return C_NO_STATE
    for i in range(c.n_kept - 1, -1, -1):
        one = &t.slots[c.kept[i]]
        if not could_answer(c, i, one, rst):
            continue
        if one.flags & F_ACK and one.ack == seq and end_of(one) == ack and has_seq_of(one):
            cannot_abort = not r.nxt_known or ack != r.nxt
            forgotten = x.fins > 0 and x.quiet_since_fin and one.ts_ns >= x.fin_ns
            if cannot_abort or forgotten:
                answers[0] = answers_of(one)
                answered[0] = i
                return C_NO_STATE_ACK
            break
    return abort_class(x, seq)


cdef uint8_t bare(
    Tracker *t, Conn *c, const Half *x, const Half *r, const Segment *rst,
    uint8_t *answers, int *answered,
) noexcept nogil:
    cdef uint32_t seq = rst.seq
    cdef const Segment *one
    cdef int i
    for i in range(c.n_kept - 1, -1, -1):
        one = &t.slots[c.kept[i]]
        if not could_answer(c, i, one, rst):
            continue
        if one.flags & F_ACK and one.ack == seq:
            answers[0] = answers_of(one)
            answered[0] = i
            if (x.state == SYN_SENT or x.state == RESET) and x.isn_known and seq != x.nxt:
                return C_BAD_ACK
            if one.payload_len and x.fins and one.kind != K_KEEP_ALIVE:
                return C_DATA_AFTER_CLOSE
            return C_NO_STATE
    if r.pkts == 0 or not x.nxt_known:
        answers[0] = A_UNSEEN
        return C_NO_STATE
    if seq == x.nxt:
        return C_ABORT
    if diff(seq, x.nxt) > 0 or diff(seq, x.una if x.una_known else x.low) < 0:
        return misfit(x, seq)
    answers[0] = A_UNSEEN
    return C_NO_STATE


cdef uint8_t abort_class(const Half *x, uint32_t seq) noexcept nogil:
    if not x.nxt_known:
        return C_UNKNOWN if x.una_known and seq != x.una else C_ABORT
    if seq == x.nxt or (x.fins and seq == x.fin_seq):
        return C_ABORT
    if diff(seq, x.nxt) > 0 or diff(seq, x.una if x.una_known else x.low) < 0:
        return misfit(x, seq)
    return C_UNKNOWN


cdef uint8_t acceptance(
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
    if ahead < 0 or ahead >= FAR:
        return X_OUTSIDE
    if r.edge_known:
        return X_IN_WINDOW if diff(seq, r.edge) < 0 else X_OUTSIDE
    if r.win_known and ahead < r.win:
        return X_IN_WINDOW
    return X_UNKNOWN


# --- record.py --------------------------------------------------------------------------------

cdef inline bint over(const Conn *c) noexcept nogil:
    return c.reset_by != NONE or (c.halves[0].fin_ns != 0 and c.halves[1].fin_ns != 0)


cdef inline bint starts_like_tls(const Half *h) noexcept nogil:
    cdef uint64_t version = (h.head >> 40) & 0xFFFF
    return h.head_len >= 3 and 0x14 <= h.head >> 56 <= 0x17 and 0x0300 <= version <= 0x0304


cdef inline bint tls_likely(Tracker *t, const Conn *c) noexcept nogil:
    return (
        starts_like_tls(&c.halves[0]) or starts_like_tls(&c.halves[1])
        or t.tls_ports[c.resp_p] or t.tls_ports[c.orig_p]
    )


cdef inline bint fits_alert(Tracker *t, const Segment *s) noexcept nogil:
    if s.quirks & NO_PAYLOAD:
        return s.payload_len < 256 and t.alert_sizes[s.payload_len]
    return s.alert == AL_LIKELY


cdef inline bint looks_like_alert(Tracker *t, const Conn *c, const Segment *s) noexcept nogil:
    return s.alert >= AL_RECORD or (fits_alert(t, s) and tls_likely(t, c))


cdef inline void pin(Conn *c, Segment *s, uint32_t role) noexcept nogil:
    cdef int i
    for i in range(c.n_kept):
        if c.kept_role[i] & role and c.kept_side[i] == s.side:
            c.kept_role[i] &= <uint16_t>~role
    s.role |= role


cdef bint is_copy(Tracker *t, Conn *c, Segment *s) noexcept nogil:
    cdef const Segment *one
    cdef int i
    cdef bint same
    for i in range(c.n_kept - 1, -1, -1):
        one = &t.slots[c.kept[i]]
        if s.ts_ns - one.ts_ns > COPY_NS:
            break
        if c.kept_side[i] != s.side or s.ts_ns < one.ts_ns:
            continue
        if (
            one.seq != s.seq or one.ack != s.ack or one.flags != s.flags
            or one.payload_len != s.payload_len or one.win != s.win
        ):
            continue
        if (one.quirks ^ s.quirks) & (NO_IP_ID | HAS_TS | NO_SEQ):
            continue
        same = one.ip_id == s.ip_id
        if s.quirks & NO_IP_ID or s.ip_id == 0 or one.ip_id == 0:
            same = (
                same and s.payload_hash != 0 and s.payload_hash == one.payload_hash
                and s.quirks & HAS_TS and s.tsval == one.tsval and s.tsecr == one.tsecr
            )
        if same:
            s.quirks |= COPY
            s.kind = one.kind
            return True
    return False


cdef void save(Conn *c, const Half *x) noexcept nogil:
    cdef Undo *u = &c.undo
    u.last_ns = c.last_ns
    u.last_frame = c.last_frame
    u.last_file = c.last_file
    u.max_gap_ns = c.max_gap_ns
    u.max_gap_at_ns = c.max_gap_at_ns
    u.first_seg_ns = x.first_seg_ns
    u.last_seg_ns = x.last_seg_ns
    u.ttl_min = x.ttl_min
    u.ttl_max = x.ttl_max
    u.last_win0 = x.last_win0
    u.zero_windows = x.zero_windows
    u.hist_seen = x.hist_seen
    u.hist_syn = x.hist_syn
    u.n_history = c.n_history
    u.n_ending = c.n_ending
    u.doubtful = c.doubtful


cdef void strike(Tracker *t, Conn *c, Segment *out) noexcept nogil:
    cdef int at = c.n_kept - 1, side = c.kept_side[at], i
    cdef Half *x = &c.halves[side]
    cdef const Undo *u = &c.undo
    out[0] = t.slots[c.kept[at]]
    drop_slot(t, c.kept[at])
    c.n_kept -= 1
    c.last_ns = u.last_ns
    c.last_frame = u.last_frame
    c.last_file = u.last_file
    c.max_gap_ns = u.max_gap_ns
    c.max_gap_at_ns = u.max_gap_at_ns
    x.first_seg_ns = u.first_seg_ns
    x.last_seg_ns = u.last_seg_ns
    x.ttl_min = u.ttl_min
    x.ttl_max = u.ttl_max
    x.last_win0 = u.last_win0
    x.zero_windows = u.zero_windows
    x.hist_seen = u.hist_seen
    x.hist_syn = u.hist_syn
    for i in range(u.n_history, c.n_history):
        c.history[i] = 0
    for i in range(u.n_ending, c.n_ending):
        c.ending[i] = 0
    if u.n_history < c.n_history:
        c.n_history = u.n_history
    if u.n_ending < c.n_ending:
        c.n_ending = u.n_ending
    c.doubtful = u.doubtful
    x.pkts -= 1
    x.ip_bytes -= out.ip_len
    x.syns -= 1
    x.out_of_window -= 1
    c.halves[1 - side].provoked = 0
    c.pending = NONE


cdef void flip(Conn *c) noexcept nogil:
    cdef Half h = c.halves[0]
    cdef int i, n, at
    cdef bint marked
    c.halves[0] = c.halves[1]
    c.halves[1] = h
    c.orig_hi, c.resp_hi = c.resp_hi, c.orig_hi
    c.orig_lo, c.resp_lo = c.resp_lo, c.orig_lo
    c.orig_p, c.resp_p = c.resp_p, c.orig_p
    if c.first_fin != NONE:
        c.first_fin = 1 - c.first_fin
    if c.first_rst != NONE:
        c.first_rst = 1 - c.first_rst
    if c.reset_by != NONE:
        c.reset_by = 1 - c.reset_by
    c.pending = NONE
    for i in range(c.n_ending):
        c.ending[i] ^= FROM_RESP
    for i in range(c.n_kept):
        c.kept_side[i] = 1 - c.kept_side[i]
    marked = c.n_history > 0 and c.history[0] == c'^'
    for i in range(c.n_history):
        if c.history[i] != c'^':
            c.history[i] ^= 32
    if marked:
        for i in range(1, c.n_history):
            c.history[i - 1] = c.history[i]
        c.n_history -= 1
        c.history[c.n_history] = 0
    else:
        n = c.n_history if c.n_history < MAX_HISTORY else MAX_HISTORY - 1
        for at in range(n, 0, -1):
            c.history[at] = c.history[at - 1]
        c.history[0] = c'^'
        c.n_history = <uint8_t>(n + 1)
    c.orientation = 2


cdef void note_silence(Conn *c, const Segment *s) noexcept nogil:
    cdef int64_t gap = s.ts_ns - c.last_ns
    if gap < 0:
        gap = 0
    if gap > c.max_gap_ns:
        c.max_gap_ns = gap
        c.max_gap_at_ns = c.last_ns
    if s.flags & (F_FIN | F_RST) and not c.closing:
        c.closing_gap_ns = gap
    if s.ts_ns > c.last_ns:
        c.last_ns = s.ts_ns
    c.last_frame = s.frame
    c.last_file = s.file


cdef void count(const Segment *s, Half *x) noexcept nogil:
    x.pkts += 1
    x.ip_bytes += s.ip_len
    if x.first_seg_ns == 0:
        x.first_seg_ns = s.ts_ns
    x.last_seg_ns = s.ts_ns
    if s.flags & F_RST:
        return
    if not s.quirks & NO_TTL:
        if not x.ttl_max or s.ttl < x.ttl_min:
            x.ttl_min = s.ttl
        if s.ttl > x.ttl_max:
            x.ttl_max = s.ttl
    if not s.quirks & NO_WIN:
        x.last_win0 = s.win == 0
        x.zero_windows += x.last_win0


cdef void letter(Conn *c, int side, uint32_t bit) noexcept nogil:
    cdef const char *letters = b"SHADFRIQCTWG"
    cdef int at = 0
    if c.n_history == MAX_HISTORY:
        return
    while bit >> at != 1:
        at += 1
    c.history[c.n_history] = <uint8_t>(letters[at] + (32 if side else 0))
    c.n_history += 1


cdef void scaled(Conn *c, uint32_t *counter, int side, uint32_t bit) noexcept nogil:
    cdef uint64_t power = 1
    counter[0] += 1
    while power < counter[0]:
        power *= 10
    if power == counter[0]:
        letter(c, side, bit)


cdef uint32_t letter_of(uint16_t flags, uint32_t payload_len) noexcept nogil:
    cdef bint syn = (flags & F_SYN) != 0, fin = (flags & F_FIN) != 0, rst = (flags & F_RST) != 0
    if <int>syn + <int>fin + <int>rst > 1:
        return H_I if fin and rst and not syn else H_Q
    if syn:
        return H_H if flags & F_ACK else H_S
    if fin:
        return H_F
    if rst:
        return H_R
    if payload_len:
        return H_D
    return H_A if flags & F_ACK else 0


cdef void letters(Conn *c, const Segment *s, Half *x, const Half *r) noexcept nogil:
    cdef uint32_t bit = letter_of(s.flags, s.payload_len), number
    cdef bint again
    if s.quirks & BAD_CHECKSUM:
        scaled(c, &x.hist_bad, s.side, H_C)
    if bit:
        number = s.seq + s.payload_len if bit == H_F else s.seq
        again = (x.hist_seen & bit) != 0
        if bit & (H_S | H_H):
            again = again and number == x.hist_syn
            x.hist_syn = number
        elif bit == H_F:
            again = again and number == x.hist_fin
            x.hist_fin = number
        elif bit == H_R:
            again = again and number == x.hist_rst
            x.hist_rst = number
        if not again:
            letter(c, s.side, bit)
            x.hist_seen |= <uint16_t>bit
    if s.win == 0 and not s.flags & F_RST and not s.quirks & NO_WIN:
        if not r.fin_ns and x.state != RESET and x.state != FIN_RESET:
            scaled(c, &x.hist_zero, s.side, H_W)
    if s.role & ROLE_RETRANSMISSION and s.payload_len:
        scaled(c, &x.hist_again, s.side, H_T)


cdef void strip(Conn *c) noexcept nogil:
    cdef int keep = 0, i
    while keep < c.n_ending and not c.ending[keep] & (S_FIN | S_RST):
        keep += 1
    if keep == 0:
        return
    for i in range(c.n_ending):
        c.ending[i] = c.ending[i + keep] if i + keep < c.n_ending else 0
    c.n_ending -= <uint8_t>keep
    for i in range(c.n_kept):
        c.kept_sym[i] = c.kept_sym[i] - keep if c.kept_sym[i] > keep else 0


cdef void write_symbol(Conn *c, Segment *s, uint32_t form) noexcept nogil:
    cdef uint16_t code
    cdef bint own
    if c.answered and not c.closing:
        strip(c)
        if not form & (S_FIN | S_RST):
            return
    if form & (S_FIN | S_RST):
        c.closing = 1
    code = <uint16_t>(form | (FROM_RESP if s.side else 0))
    own = (s.role & ROLE_ACKS_FIN) != 0 and form == S_ACK
    if c.n_ending and c.ending[c.n_ending - 1] == code and not own:
        s.sym = c.n_ending
    elif c.n_ending < MAX_SYMBOLS:
        c.ending[c.n_ending] = code
        c.n_ending += 1
        s.sym = c.n_ending


cdef inline void drop_slot(Tracker *t, uint32_t at) noexcept nogil:
    t.slots[at].conn = t.free_slot
    t.free_slot = at
    t.n_free_slots += 1


cdef void keep(Tracker *t, Conn *c, Segment *s) noexcept nogil:
    """Append to the tail, let the ninth latest go, drop what has no role left."""
    cdef uint32_t at = t.free_slot
    cdef int i, n = 0, recent = 0, oldest = -1
    t.free_slot = <uint32_t>t.slots[at].conn
    t.n_free_slots -= 1
    t.slots[at] = s[0]
    c.kept[c.n_kept] = at
    c.kept_role[c.n_kept] = <uint16_t>(s.role | ROLE_RECENT)
    c.kept_side[c.n_kept] = s.side
    c.kept_sym[c.n_kept] = s.sym
    c.n_kept += 1
    for i in range(c.n_kept):
        if c.kept_role[i] & ROLE_RECENT:
            recent += 1
            if oldest < 0:
                oldest = i
    if recent > RECENT:
        c.kept_role[oldest] &= <uint16_t>~<uint32_t>ROLE_RECENT
    for i in range(c.n_kept):
        if not c.kept_role[i] & ~ROLE_RETRANSMISSION:
            drop_slot(t, c.kept[i])
            continue
        if n != i:
            c.kept[n] = c.kept[i]
            c.kept_role[n] = c.kept_role[i]
            c.kept_side[n] = c.kept_side[i]
            c.kept_sym[n] = c.kept_sym[i]
        n += 1
    c.n_kept = <uint8_t>n


cdef void remember(
    Tracker *t, Conn *c, Segment *s, Half *x, const Half *r, uint32_t form
) noexcept nogil:
    if (
        s.kind == K_ACK or s.kind == K_KEEP_ALIVE_ACK or s.kind == K_CHALLENGE_ACK
        or s.kind == K_WINDOW_UPDATE or s.kind == K_DUP_ACK
    ):
        pin(c, s, ROLE_LAST_ACK)
    write_symbol(c, s, form)
    letters(c, s, x, r)
    keep(t, c, s)
    s.role &= ROLE_RETRANSMISSION


# --- connection.py ----------------------------------------------------------------------------

cdef inline void announce(Half *x, uint32_t edge) noexcept nogil:
    if not x.edge_known or diff(edge, x.edge) > 0:
        x.edge = edge
        x.edge_known = 1


cdef inline void fin_acked(Tracker *t, Half *h, int64_t ts_ns) noexcept nogil:
    h.fin_acked_ns = ts_ns
    step(t, h, ON_FIN_ACKED)


cdef void revive(Conn *c, const Segment *s, Half *r, uint32_t ack) noexcept nogil:
    if c.reset_by != 1 - s.side or not r.since_rst:
        return
    if r.rst_mark_known == 2 or diff(ack, r.rst_mark) > 0:
        c.reset_by = NONE
        c.refused = 0
        if r.rst_mark_known == 1:
            r.rst_class = C_SUSPECT
        r.rst_mark_known = 0
        if r.isn_known and r.state == RESET:
            r.state = SYN_ACK_SENT if r.sent_ack == 0 else OPEN
        elif r.state == RESET:
            r.state = PARTIAL
        elif r.state == FIN_RESET:
            r.state = FIN_SENT


cdef void acknowledge(Tracker *t, Conn *c, Segment *s, Half *r, uint32_t ack) noexcept nogil:
    cdef bint gap
    if (
        r.una_known and diff(ack, r.una) <= 0
        and r.state != SYN_SENT and r.state != SYN_ACK_SENT
    ):
        return
    if not r.una_known or diff(ack, r.una) > 0:
        gap = acknowledge_half(r, ack)
        if gap and not r.fin_ns and r.isn_known:
            scaled(c, &r.hist_gap, 1 - s.side, H_G)
    revive(c, s, r, ack)
    if r.isn_known and diff(ack, r.isn) > 0:
        if r.state == SYN_ACK_SENT and c.established_ns == 0:
            c.established_ns = s.ts_ns
            c.established = 1
        if r.state == SYN_SENT or r.state == SYN_ACK_SENT:
            step(t, r, ON_SYN_ACKED)
    if r.fin_ns and not r.fin_acked_ns and diff(ack, r.fin_seq) > 0:
        fin_acked(t, r, s.ts_ns)
        s.role |= ROLE_ACKS_FIN


cdef void data(
    Tracker *t, Conn *c, Segment *s, Half *x, const Half *r, uint32_t seq
) noexcept nogil:
    cdef uint32_t length = s.payload_len, fresh = mark(x, seq, length), beyond
    x.rexmit_bytes += length - fresh
    if fresh == 0:
        if not s.flags & F_SYN and not (s.flags & F_FIN and not x.fin_ns):
            x.rexmit_pkts += 1
            s.role |= ROLE_RETRANSMISSION
        return
    x.bytes += fresh
    if x.fin_ns and diff(seq + length, x.fin_seq) > 0:
        beyond = <uint32_t>diff(seq + length, x.fin_seq)
        x.after_own_fin += beyond if beyond < fresh else fresh
    if r.fin_ns:
        x.after_fin += fresh
    if x.first_data_ns == 0:
        x.first_data_ns = s.ts_ns
    if x.head_len == 0 and s.head_len:
        x.head = s.head
        x.head_len = s.head_len if s.head_len < 8 else 8
    x.last_data_ns = s.ts_ns
    if not x.fin_ns:
        x.last_len = length
        x.last_alert = s.alert
        x.last_shown = not s.quirks & NO_PAYLOAD
        x.last_fits = fits_alert(t, s)
    pin(c, s, ROLE_LAST_DATA)
    if s.alert != AL_NONE and s.alert >= x.alert and looks_like_alert(t, c, s):
        x.alert = s.alert
        x.alert_desc = s.alert_desc
        pin(c, s, ROLE_ALERT)


cdef void fin(Tracker *t, Conn *c, Segment *s, Half *x, Half *r, uint32_t fin_seq) noexcept nogil:
    if x.fin_ns:
        if fin_seq == x.fin_seq and not s.role & ROLE_RETRANSMISSION:
            x.rexmit_pkts += 1
            s.role |= ROLE_RETRANSMISSION
        return
    x.fin_ns = s.ts_ns
    x.fin_seq = fin_seq
    x.quiet_since_fin = 1
    s.role |= ROLE_FIN
    mark(x, fin_seq, 1)
    if c.first_fin == NONE:
        c.first_fin = s.side
    step(t, x, ON_FIN)
    step(t, r, ON_PEER_FIN)
    if x.una_known and diff(x.una, fin_seq) > 0:
        fin_acked(t, x, s.ts_ns)


cdef uint32_t reset(Tracker *t, Conn *c, Segment *s, Half *x, Half *r) noexcept nogil:
    cdef bint has_seq = has_seq_of(s) and (s.quirks & RELATIVE_SEQ) == c.relative
    cdef uint8_t rst_class = C_UNKNOWN, answers = A_NONE, accept
    cdef int answered = -1
    cdef uint32_t form = S_RST
    cdef bint closed
    s.kind = K_RST
    accept = acceptance(x, r, s.flags, s.seq, s.ack, has_seq)
    if has_seq:
        rst_class = classify(t, c, x, r, s, &answers, &answered)
    if x.rsts < U16:
        x.rsts += 1
    if x.rsts == 1:
        x.rst_ns = s.ts_ns
        x.rst_ttl = s.ttl
        x.rst_seq = s.seq
        x.rst_ack = s.ack if s.flags & F_ACK else 0
        x.rst_class = rst_class
        x.rst_answers = answers
        s.role |= ROLE_RST
        if answered >= 0:
            x.rst_lag_ns = s.ts_ns - t.slots[c.kept[answered]].ts_ns
            c.kept_role[answered] |= ROLE_ANSWERED
        if c.first_rst == NONE:
            c.first_rst = s.side
    if t.rank[accept] > t.rank[x.rst_accept]:
        x.rst_accept = accept
    # judge
    closed = x.fin_acked_ns != 0 and r.fin_acked_ns != 0
    if not (x.fin_ns and r.fin_ns):
        step(t, x, ON_RST)
    if not closed and c.reset_by == NONE and rst_class != C_BAD_ACK:
        if accept == X_EXACT:
            c.reset_by = s.side
            c.refused = r.state == SYN_SENT and not x.isn_known
            x.rst_mark = x.nxt
            x.rst_mark_known = x.nxt_known
            x.since_rst = 0
            if not x.nxt_known:
                x.rst_mark_known = 2
        elif x.nxt_known and (
            (accept == X_UNKNOWN and s.seq == x.nxt)
            or (accept == X_IN_WINDOW and x.fin_ns != 0 and s.seq == x.fin_seq)
        ):
            c.doubtful = 1
    if accept == X_IN_WINDOW:
        r.provoked = 1
    if s.flags & F_FIN:
        form |= S_FIN
    if accept == X_OUTSIDE:
        x.out_of_window += 1
        form |= S_OUTSIDE
    return form


cdef bint fits(const Segment *s, const Half *x, const Half *r, bint with_ack) noexcept nogil:
    if with_ack and r.isn_known and (diff(s.ack, r.isn) <= 0 or diff(s.ack, r.nxt) > 0):
        return False
    if x.isn_known:
        return with_ack and x.state == SYN_ACK_SENT
    if not x.nxt_known:
        return not x.una_known or s.seq + 1 == x.una
    return s.seq + 1 == x.low


cdef void start(Tracker *t, Conn *c, Segment *s, Half *x, const Half *r) noexcept nogil:
    cdef bint first = not x.nxt_known
    x.isn = s.seq
    x.isn_known = 1
    x.low = s.seq
    if s.quirks & HAS_MSS:
        x.mss = s.mss
    if s.quirks & HAS_WSCALE:
        x.wscale = s.wscale if s.wscale < 14 else 14
    x.scaling = (s.quirks & (HAS_WSCALE | HAS_MSS)) != 0
    if s.quirks & TRUNCATED_HEADER and x.wscale == NO_SCALE:
        x.scaling = 0
    if first or x.state == SYN_ACK_SENT:
        x.nxt = s.seq + 1
        x.nxt_known = 1
        x.n_holes = 0
        if not x.una_known or diff(x.una, s.seq) <= 0 or diff(x.una, x.nxt) > 0:
            x.una = s.seq
            x.una_known = 1
    if s.payload_len:
        data(t, c, s, x, r, s.seq + 1)


cdef void syn_states(
    Tracker *t, Conn *c, Segment *s, Half *x, Half *r, bint with_ack
) noexcept nogil:
    step(t, x, ON_SYN_ACK if with_ack else ON_SYN)
    pin(c, s, ROLE_SYN_ACK if with_ack else ROLE_SYN)
    x.sent_syn_ack |= with_ack
    if not with_ack:
        if r.isn_known and r.state == SYN_SENT:
            c.simultaneous = 1
    else:
        if not r.nxt_known and not r.una_known:
            r.una = s.ack
            r.una_known = 1
        acknowledge(t, c, s, r, s.ack)
        if not s.quirks & NO_WIN and scale_of(x, r) >= 0:
            announce(x, s.ack + s.win)


cdef uint32_t syn(Tracker *t, Conn *c, Segment *s, Half *x, Half *r) noexcept nogil:
    cdef bint with_ack = (s.flags & F_ACK) != 0
    cdef bint usable = has_seq_of(s) and (s.quirks & RELATIVE_SEQ) == c.relative
    cdef bint again = x.isn_known and usable and s.seq == x.isn
    cdef bint crossing = again and with_ack and not x.sent_syn_ack
    s.kind = K_SYN_ACK if with_ack else K_SYN
    if x.syns < U16:
        x.syns += 1
    if again and not crossing:
        x.rexmit_pkts += 1
        s.role |= ROLE_RETRANSMISSION
        if c.answered:
            r.provoked = 1
        return S_SYN | S_REPEAT
    if usable and (crossing or fits(s, x, r, with_ack)):
        if not crossing:
            start(t, c, s, x, r)
        syn_states(t, c, s, x, r, with_ack)
        return S_SYN
    x.out_of_window += 1
    r.provoked = 1
    if not with_ack:
        c.pending = s.side
        c.pending_seq = s.seq
    return S_SYN | S_OUTSIDE


cdef bint acceptable(
    const Segment *s, const Half *x, const Half *r, bint has_seq, bint has_ack
) noexcept nogil:
    cdef int32_t ahead
    if not s.flags & F_ACK:
        return False
    if r.state == SYN_SENT and not x.isn_known:
        return has_ack and diff(s.ack, r.isn) > 0 and diff(s.ack, r.nxt) <= 0
    if has_seq and x.nxt_known:
        ahead = diff(s.seq, x.nxt)
        if ahead > FAR or ahead < -FAR:
            return False
        if ahead > 0 and r.edge_known and diff(s.seq, r.edge) > 0:
            return False
        if diff(s.seq, x.low) < (0 if x.isn_known else -STALE):
            return False
    if has_ack and r.nxt_known:
        if diff(s.ack, r.nxt) > FAR:
            return False
        if diff(s.ack, r.low) < (0 if r.isn_known else -STALE):
            return False
    return True


cdef uint32_t unacceptable(
    Segment *s, Half *x, Half *r, uint32_t form, bint asked
) noexcept nogil:
    if not s.flags & F_ACK:
        if s.flags & F_FIN:
            s.kind = K_FIN
        else:
            s.kind = K_DATA if s.payload_len else K_STRAY
        return form | S_OUTSIDE
    if form == S_ACK and (asked or r.state == SYN_SENT):
        s.kind = K_CHALLENGE_ACK
        x.challenge += 1
        return form
    s.kind = K_STRAY if r.state == SYN_SENT else K_OUT_OF_WINDOW
    x.out_of_window += 1
    r.provoked = 1
    return form | S_OUTSIDE


cdef void begin(const Segment *s, Half *x) noexcept nogil:
    cdef int32_t ahead
    x.nxt = s.seq
    x.low = s.seq
    x.nxt_known = 1
    if x.una_known:
        ahead = diff(s.seq, x.una)
        if -STALE <= ahead < 0:
            x.nxt = x.una
        elif not 0 <= ahead <= FAR:
            x.una = 0
            x.una_known = 0


cdef bint is_probe(Segment *s, Half *x, const Half *r) noexcept nogil:
    cdef int32_t offset
    cdef bint idle
    if s.payload_len > 1 or s.flags & (F_FIN | F_SYN) or x.fin_ns:
        return False
    offset = diff(s.seq, x.nxt)
    idle = x.una_known and x.una == x.nxt
    if r.last_win0 and idle and (offset == -1 or (offset == 0 and s.payload_len)):
        s.kind = K_WINDOW_PROBE
        x.probes += 1
    elif offset == -1 and idle:
        s.kind = K_KEEP_ALIVE
        x.keep_alives += 1
    else:
        return False
    x.probed = 1
    return True


cdef void pure_ack(
    Segment *s, Half *x, const Half *r, bint asked, bint r_probed, bint has_ack
) noexcept nogil:
    cdef bint repeated
    s.kind = K_ACK
    if not has_ack:
        return
    repeated = x.ack_known and s.ack == x.last_ack
    if asked and (repeated or not x.ack_known):
        s.kind = K_CHALLENGE_ACK
        x.challenge += 1
    elif r_probed:
        s.kind = K_KEEP_ALIVE_ACK
    elif repeated and not s.quirks & NO_WIN and x.win_known:
        if s.win != x.win:
            s.kind = K_WINDOW_UPDATE
        elif r.nxt_known and diff(r.nxt, s.ack) > 0 and not s.role & ROLE_HANDSHAKE_ACK:
            s.kind = K_DUP_ACK
            x.dup_acks += 1


cdef uint32_t other(
    Tracker *t, Conn *c, Segment *s, Half *x, Half *r, bint asked, bint r_probed
) noexcept nogil:
    """Connection._segment"""
    cdef bint usable = (s.quirks & RELATIVE_SEQ) == c.relative
    cdef bint has_seq = has_seq_of(s) and usable
    cdef bint has_ack = (s.flags & F_ACK) != 0 and usable
    cdef uint32_t form = 0, seq
    cdef int scale
    if s.flags & F_FIN:
        form |= S_FIN
    if s.payload_len:
        form |= S_DATA
        if looks_like_alert(t, c, s):
            form |= S_ALERT
    if not form:
        form = S_ACK
    if s.flags & F_FIN and x.fins < U16:
        x.fins += 1
    if not acceptable(s, x, r, has_seq, has_ack):
        return unacceptable(s, x, r, form, asked)
    if has_seq and not x.nxt_known:
        begin(s, x)
    seq = s.seq if has_seq else x.nxt
    c.answered = 1
    if has_ack and r.isn_known and r.state == SYN_ACK_SENT and diff(s.ack, r.isn) > 0:
        step(t, x, ON_HANDSHAKE_ACK)
        pin(c, s, ROLE_HANDSHAKE_ACK)
    else:
        step(t, x, ON_ACK)
    if has_seq and is_probe(s, x, r):
        pass
    elif s.payload_len:
        s.kind = K_DATA
        if has_seq:
            data(t, c, s, x, r, seq)
    elif not s.flags & F_FIN:
        pure_ack(s, x, r, asked, r_probed, has_ack)
    if has_ack:
        acknowledge(t, c, s, r, s.ack)
        if not s.quirks & NO_WIN:
            x.win = s.win
            x.win_known = 1
            scale = scale_of(x, r)
            if scale >= 0:
                announce(x, s.ack + (<uint32_t>s.win << scale))
        x.last_ack = s.ack
        x.ack_known = 1
        x.sent_ack = 1
    if s.flags & F_FIN:
        s.kind = K_FIN
        if has_seq:
            fin(t, c, s, x, r, seq + s.payload_len)
    elif x.fins:
        x.quiet_since_fin = 0
    if x.sent_ack and r.sent_ack:
        c.established = 1
    if s.role & ROLE_RETRANSMISSION:
        form |= S_REPEAT
    return form


cdef void take(Tracker *t, Conn *c, Segment *s, int side) noexcept nogil:
    cdef Half *x = &c.halves[side]
    cdef Half *r = &c.halves[1 - side]
    cdef bint asked, r_probed
    cdef uint32_t form
    s.side = <uint8_t>side
    s.conn = c.conn
    s.role = 0
    s.kind = 0
    s.sym = 0
    if is_copy(t, c, s):
        return
    if s.flags & (F_SYN | F_ACK | F_RST) == F_SYN:
        save(c, x)
    note_silence(c, s)
    count(s, x)
    c.pending = NONE
    asked = x.provoked
    x.provoked = 0
    r_probed = r.probed
    x.probed = 0
    if s.flags & F_RST:
        form = reset(t, c, s, x, r)
    else:
        c.doubtful = 0
        if x.rst_mark_known:
            x.since_rst = 1
        if s.flags & F_SYN:
            form = syn(t, c, s, x, r)
        else:
            form = other(t, c, s, x, r, asked, r_probed)
    remember(t, c, s, x, r, form)


# --- verdict.py, endings.py -------------------------------------------------------------------

cdef enum:  # Zeek's endpoint states
    INACTIVE, Z_SYN_SENT, Z_SYN_ACK_SENT, Z_PARTIAL, ESTABLISHED, CLOSED, Z_RESET

cdef enum:  # endings.CONN_STATES
    OTH, S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR


cdef int zeek_endpoint(const Half *h, int side, const Half *peer) noexcept nogil:
    if h.state == SILENT:
        return INACTIVE
    if h.state == PARTIAL:
        return Z_PARTIAL
    if h.state == FIN_SENT or h.state == FIN_ACKED:
        return CLOSED
    if h.state == RESET or h.state == FIN_RESET:
        return Z_RESET
    if h.state == SYN_ACK_SENT and side == 0 and not peer.isn_known:
        return Z_SYN_ACK_SENT
    if h.state != SYN_ACK_SENT and h.isn_known and not peer.isn_known:
        return Z_SYN_SENT
    return ESTABLISHED


cdef bint syn_then_rst(const Conn *c) noexcept nogil:
    cdef int i, first = 0
    cdef uint8_t one
    while first < c.n_history and c.history[first] == c'^':
        first += 1
    for i in range(c.n_history):
        one = c.history[i]
        if i == 0 and one == c'^':
            continue
        if one == c'R':
            return i > 0 and first < c.n_history and c.history[first] == c'S'
        if one == c'H' or one == c'A' or one == c'F' or one == c'G' or one == c'I' or one == c'Q':
            return False
    return False


cdef uint8_t conn_state(const Conn *c) noexcept nogil:
    cdef int orig = zeek_endpoint(&c.halves[0], 0, &c.halves[1])
    cdef int resp = zeek_endpoint(&c.halves[1], 1, &c.halves[0])
    cdef bint orig_away = orig == INACTIVE or orig == Z_PARTIAL
    cdef bint resp_away = resp == INACTIVE or resp == Z_PARTIAL
    cdef bint payload = c.halves[0].bytes != 0 or c.halves[1].bytes != 0
    if resp == Z_RESET:
        if orig == Z_SYN_SENT or orig == Z_SYN_ACK_SENT or (orig == Z_RESET and not payload):
            return REJ
        return RSTRH if orig_away else RSTR
    if orig == Z_RESET:
        if resp_away:
            return RSTOS0 if syn_then_rst(c) else OTH
        return RSTO
    if orig == CLOSED and resp == CLOSED:
        return SF
    if orig == CLOSED:
        return SH if resp_away else S2
    if resp == CLOSED:
        return SHR if orig_away else S3
    if orig == Z_SYN_SENT and resp == INACTIVE:
        return S0
    if orig == ESTABLISHED and resp == ESTABLISHED:
        return S1
    return OTH


cdef uint8_t ended(const Conn *c) noexcept nogil:
    cdef const Half *a = &c.halves[0]
    cdef const Half *b = &c.halves[1]
    if c.reset_by != NONE:
        return E_REFUSED if c.refused else E_RESET
    if a.fin_acked_ns and b.fin_acked_ns:
        return E_CLOSED
    if c.doubtful:
        return E_RESET
    if a.fin_ns and b.fin_ns:
        return E_CLOSING
    if a.fin_ns or b.fin_ns:
        return E_HALF_CLOSED
    if (a.isn_known or b.isn_known) and not c.answered:
        return E_UNANSWERED
    return E_OPEN


cdef uint8_t notify(Tracker *t, const Conn *c, const Half *h) noexcept nogil:
    cdef bint likely, records
    if h.alert == AL_CLOSE_NOTIFY:
        return N_YES
    if h.last_len == 0:
        return N_UNSEEN
    likely = tls_likely(t, c)
    if h.last_alert == AL_RECORD or (h.last_fits and likely):
        return N_LIKELY
    if h.last_alert == AL_WARNING or h.last_alert == AL_FATAL:
        return N_NO
    records = starts_like_tls(&c.halves[0]) or starts_like_tls(&c.halves[1])
    if h.last_shown and (records or (likely and c.midstream)):
        return N_NO
    return N_UNSEEN


cdef void conclude(Tracker *t, Conn *c) noexcept nogil:
    c.ended = ended(c)
    if c.ended != E_REFUSED and c.ended != E_UNANSWERED:
        strip(c)
    c.conn_state = conn_state(c)
    c.halves[0].notify = notify(t, c, &c.halves[0])
    c.halves[1].notify = notify(t, c, &c.halves[1])


# --- reference.py: the table ------------------------------------------------------------------

cdef inline uint64_t mix(uint64_t h, uint64_t word) noexcept nogil:
    h = (h ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return h ^ (h >> 29)


cdef inline uint64_t endpoint_hash(uint64_t seed, uint64_t hi, uint64_t lo, uint16_t p) noexcept nogil:
    return mix(mix(mix(seed, hi), lo), p)


cdef inline uint32_t hash_of(const Tracker *t, const Segment *s) noexcept nogil:
    """The same for both directions, and not to be guessed from outside."""
    cdef uint64_t h = (
        endpoint_hash(t.seed, s.src_hi, s.src_lo, s.src_p)
        + endpoint_hash(t.seed, s.dst_hi, s.dst_lo, s.dst_p)
    )
    h = mix(h, s.vlan)
    return <uint32_t>(h ^ (h >> 32))


cdef inline bint from_orig(const Conn *c, const Segment *s) noexcept nogil:
    return s.src_lo == c.orig_lo and s.src_p == c.orig_p and s.src_hi == c.orig_hi


cdef inline bint same_flow(const Conn *c, const Segment *s) noexcept nogil:
    if c.vlan != s.vlan:
        return False
    if from_orig(c, s):
        if s.dst_lo == c.resp_lo and s.dst_p == c.resp_p and s.dst_hi == c.resp_hi:
            return True
    return (
        s.src_lo == c.resp_lo and s.src_p == c.resp_p and s.src_hi == c.resp_hi
        and s.dst_lo == c.orig_lo and s.dst_p == c.orig_p and s.dst_hi == c.orig_hi
    )


cdef uint32_t find(const Tracker *t, const Segment *s, uint32_t hash) noexcept nogil:
    cdef uint32_t at = hash & t.mask, index
    while True:
        index = t.table[at]
        if index == NOWHERE:
            return NOWHERE
        if t.conns[index].hash == hash and same_flow(&t.conns[index], s):
            return index
        at = (at + 1) & t.mask


cdef void insert(Tracker *t, uint32_t index) noexcept nogil:
    cdef uint32_t at = t.conns[index].hash & t.mask
    while t.table[at] != NOWHERE:
        at = (at + 1) & t.mask
    t.table[at] = index


cdef void erase(Tracker *t, uint32_t index) noexcept nogil:
    """Linear probing without tombstones: move later entries of the cluster up."""
    cdef uint32_t at = t.conns[index].hash & t.mask, next_at, home
    while t.table[at] != index:
        at = (at + 1) & t.mask
    next_at = at
    while True:
        next_at = (next_at + 1) & t.mask
        if t.table[next_at] == NOWHERE:
            break
        home = t.conns[t.table[next_at]].hash & t.mask
        if ((next_at - home) & t.mask) >= ((next_at - at) & t.mask):
            t.table[at] = t.table[next_at]
            at = next_at
    t.table[at] = NOWHERE


cdef void unlink(Tracker *t, uint32_t index) noexcept nogil:
    cdef Conn *c = &t.conns[index]
    cdef Queue *q
    if c.waiting == NONE:
        return
    q = &t.queues[c.waiting]
    if c.before == NOWHERE:
        q.first = c.after
    else:
        t.conns[c.before].after = c.after
    if c.after == NOWHERE:
        q.last = c.before
    else:
        t.conns[c.after].before = c.before
    c.waiting = NONE


cdef void wait(Tracker *t, uint32_t index) noexcept nogil:
    cdef Conn *c = &t.conns[index]
    cdef bint alive = c.answered and c.halves[0].pkts + c.halves[1].pkts > 1
    cdef uint8_t which = 1 if over(c) else 2 if alive else 0
    cdef Queue *q = &t.queues[which]
    c.touched_ns = t.now_ns
    if c.waiting == which and q.last == index:
        return
    unlink(t, index)
    c.waiting = which
    c.before = q.last
    c.after = NOWHERE
    if q.last == NOWHERE:
        q.first = index
    else:
        t.conns[q.last].after = index
    q.last = index


cdef void leave(Tracker *t, uint32_t index) noexcept nogil:
    erase(t, index)
    unlink(t, index)
    conclude(t, &t.conns[index])
    t.conns[index].after = t.done
    t.done = index
    t.n_done += 1
    t.n_live -= 1


cdef void expire(Tracker *t) noexcept nogil:
    cdef int which
    cdef Queue *q
    for which in range(3):
        q = &t.queues[which]
        while q.first != NOWHERE and t.now_ns - t.conns[q.first].touched_ns > q.limit_ns:
            leave(t, q.first)


cdef void evict(Tracker *t) noexcept nogil:
    cdef int which
    for which in range(3):
        if t.queues[which].first != NOWHERE:
            leave(t, t.queues[which].first)
            t.evicted += 1
            return


cdef uint32_t open_conn(
    Tracker *t, const Segment *s, uint32_t hash, int64_t gap
) noexcept nogil:
    cdef uint32_t index
    cdef Conn *c
    cdef bint from_resp, by_syn
    if t.n_live >= t.max_live:
        evict(t)
    index = t.free_conn
    c = &t.conns[index]
    t.free_conn = c.after
    t.n_free_conns -= 1
    memset(c, 0, sizeof(Conn))
    by_syn = s.flags & F_SYN and not s.flags & F_RST
    from_resp = (s.flags & F_ACK) != 0 if by_syn else s.src_p < s.dst_p
    c.orientation = 2 if by_syn else 0
    if from_resp:
        c.orig_hi, c.orig_lo, c.orig_p = s.dst_hi, s.dst_lo, s.dst_p
        c.resp_hi, c.resp_lo, c.resp_p = s.src_hi, s.src_lo, s.src_p
        c.history[0] = c'^'
        c.n_history = 1
    else:
        c.orig_hi, c.orig_lo, c.orig_p = s.src_hi, s.src_lo, s.src_p
        c.resp_hi, c.resp_lo, c.resp_p = s.dst_hi, s.dst_lo, s.dst_p
    c.conn = t.count
    c.point = s.point
    c.vlan = s.vlan
    c.file = s.file
    c.first_ns = s.ts_ns
    c.last_ns = s.ts_ns
    c.first_frame = s.frame
    c.reuse_gap_ns = gap
    c.midstream = (s.flags & (F_SYN | F_ACK | F_RST)) != F_SYN
    c.relative = s.quirks & RELATIVE_SEQ
    c.first_fin = NONE
    c.first_rst = NONE
    c.reset_by = NONE
    c.pending = NONE
    c.waiting = NONE
    c.hash = hash
    c.halves[0].wscale = NO_SCALE
    c.halves[1].wscale = NO_SCALE
    c.halves[0].rst_lag_ns = -1
    c.halves[1].rst_lag_ns = -1
    t.count += 1
    t.n_live += 1
    insert(t, index)
    return index


cdef bint confirms_pending(const Conn *c, const Segment *s, int side) noexcept nogil:
    if c.pending != 1 - side or not s.flags & F_ACK:
        return False
    return s.flags & (F_SYN | F_RST) and s.ack == c.pending_seq + 1


cdef bint begins_anew(
    const Tracker *t, const Conn *c, const Segment *s, int side
) noexcept nogil:
    cdef const Half *x = &c.halves[side]
    cdef const Half *r = &c.halves[1 - side]
    if not s.flags & F_SYN or s.flags & F_RST:
        return False
    if x.isn_known and s.seq == x.isn:
        return over(c) and not c.refused and c.answered
    if s.flags & F_ACK and r.isn_known and s.ack == r.isn + 1:
        return False
    if over(c) or s.ts_ns - c.last_ns > t.reuse_ns:
        return True
    if c.answered:
        if not x.isn_known and (x.nxt_known or x.una_known):
            return False
        return x.fin_ns != 0 or r.fin_ns != 0 or x.rsts != 0 or r.pkts == 0
    return not s.flags & F_ACK and not r.isn_known


cdef bint guessed_wrong(const Conn *c, const Segment *s, int side) noexcept nogil:
    cdef const Half *x
    if c.orientation or not s.flags & F_SYN or s.flags & F_RST:
        return False
    if c.orig_lo == c.resp_lo and c.orig_hi == c.resp_hi and c.orig_p == c.resp_p:
        return False
    if side != (0 if s.flags & F_ACK else 1):
        return False
    x = &c.halves[side]
    if x.isn_known or c.halves[1 - side].isn_known:
        return False
    if x.nxt_known:
        return x.low == s.seq + 1
    return x.una_known and x.una == s.seq + 1


cdef void follow(Tracker *t, Segment *s) noexcept nogil:
    """ReferenceTracker._segment"""
    cdef uint32_t hash, index
    cdef int side
    cdef int64_t gap = -1
    cdef Segment first
    cdef Conn *c
    if s.ts_ns > t.now_ns:
        t.now_ns = s.ts_ns
    expire(t)
    hash = hash_of(t, s)
    index = find(t, s, hash)
    if index != NOWHERE:
        c = &t.conns[index]
        side = 0 if from_orig(c, s) else 1
        if confirms_pending(c, s, side):
            strike(t, c, &first)
            gap = first.ts_ns - c.last_ns
            leave(t, index)
            index = open_conn(t, &first, hash, gap if gap > 0 else 0)
            c = &t.conns[index]
            take(t, c, &first, 0 if from_orig(c, &first) else 1)
            side = 0 if from_orig(c, s) else 1
        elif begins_anew(t, c, s, side):
            gap = s.ts_ns - c.last_ns
            if gap < 0:
                gap = 0
            leave(t, index)
            index = NOWHERE
        elif guessed_wrong(c, s, side):
            flip(c)
            side = 1 - side
    if index == NOWHERE:
        index = open_conn(t, s, hash, gap)
        c = &t.conns[index]
        side = 0 if from_orig(c, s) else 1
    take(t, c, s, side)
    wait(t, index)


cdef Py_ssize_t run(Tracker *t, Segment *batch, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
    """Follow rows from `first`; the row at which memory must grow, or `n`."""
    cdef Py_ssize_t i
    cdef Segment s
    for i in range(first, n):
        if t.n_free_conns < 1 or t.n_free_slots < 2:
            return i
        s = batch[i]
        if s.ts_ns > SPAN_NS:
            s.ts_ns = SPAN_NS
        elif s.ts_ns < -SPAN_NS:
            s.ts_ns = -SPAN_NS
        elif s.ts_ns == 0:
            s.ts_ns = 1
        if s.payload_len > MAX_PAYLOAD:
            s.payload_len = MAX_PAYLOAD
        follow(t, &s)
        batch[i].kind = s.kind
        batch[i].side = s.side
        batch[i].role = s.role
        batch[i].conn = s.conn
        batch[i].quirks = s.quirks
        batch[i].sym = 0
    return n


# --- Python side ------------------------------------------------------------------------------

def _dtype(text, **nested):
    """A C struct as NumPy sees it: ``name type [count]`` per field, in order."""
    fields = []
    for line in text.split("\n"):
        words = line.split()
        if not words:
            continue
        kind = nested.get(words[1], words[1])
        fields.append((words[0], kind, int(words[2])) if len(words) == 3 else (words[0], kind))
    return np.dtype(fields, align=True)


HALF = _dtype("""
bytes u8
ip_bytes u8
after_fin u8
after_own_fin u8
first_seg_ns i8
last_seg_ns i8
first_data_ns i8
last_data_ns i8
fin_ns i8
fin_acked_ns i8
rst_ns i8
rst_lag_ns i8
head u8
pkts u4
rexmit_pkts u4
rexmit_bytes u4
keep_alives u4
probes u4
challenge u4
out_of_window u4
zero_windows u4
dup_acks u4
isn u4
una u4
nxt u4
fin_seq u4
rst_seq u4
rst_ack u4
private u4 22
syns u2
fins u2
rsts u2
mss u2
private2 u2 2
isn_known u1
nxt_known u1
wscale u1
rst_class u1
rst_answers u1
rst_accept u1
notify u1
alert u1
alert_desc u1
head_len u1
ttl_min u1
ttl_max u1
rst_ttl u1
last_win0 u1
private3 u1 17
""")
UNDO = _dtype("times i8 5\nnumbers u4 3\nshorts u2 2\nbytes u1 6")
CONN = _dtype("""
orig_hi u8
orig_lo u8
resp_hi u8
resp_lo u8
conn u8
first_ns i8
last_ns i8
max_gap_ns i8
max_gap_at_ns i8
closing_gap_ns i8
established_ns i8
reuse_gap_ns i8
touched_ns i8
halves HALF 2
undo UNDO
first_frame u4
last_frame u4
pending_seq u4
relative u4
hash u4
before u4
after u4
kept u4 32
kept_role u2 32
ending u2 16
orig_p u2
resp_p u2
point u2
vlan u2
file u2
last_file u2
kept_side u1 32
kept_sym u1 32
history u1 24
orientation u1
established u1
midstream u1
simultaneous u1
ended u1
first_fin u1
first_rst u1
conn_state u1
reset_by u1
n_kept u1
n_ending u1
n_history u1
answered u1
closing u1
refused u1
doubtful u1
pending u1
waiting u1
""", HALF=HALF, UNDO=UNDO)
assert (CONN.itemsize, HALF.itemsize) == (sizeof(Conn), sizeof(Half))
assert record_dtype(SEGMENT).itemsize == (sizeof(Segment) + 7) // 8 * 8 == sizeof(Segment)

_STATES = np.frombuffer(states.TABLE, np.uint8)
_TLS_PORTS = np.zeros(1 << 16, np.uint8)
_TLS_PORTS[list(TLS_PORTS)] = 1
_ALERT_SIZES = np.zeros(256, np.uint8)
_ALERT_SIZES[list(ALERT_SIZES)] = 1
_RANK = np.array([resets.RANK[accept] for accept in terms.Accept], np.uint8)


cdef void *address(array):
    return <void *><uintptr_t>array.ctypes.data


def _pick(rows, index):
    """``rows[index]``, copied as bytes: field by field costs NumPy thirty times as much."""
    size = rows.dtype.itemsize
    return rows.view(np.uint8).reshape(-1, size)[index].reshape(-1).view(rows.dtype)


def _grown(rows, size):
    """A longer copy, zeros at the end."""
    bigger = np.zeros(size, rows.dtype)
    bigger.view(np.uint8)[: rows.nbytes] = rows.view(np.uint8)
    return bigger


cdef class KernelTracker:
    """See `finis.tracking.reference.ReferenceTracker`."""

    cdef Tracker t
    cdef object conns, slots, table

    def __init__(
        self, *, max_connections=reference.MAX_CONNECTIONS, linger_ns=reference.LINGER_NS,
        embryonic_ns=reference.EMBRYONIC_NS, idle_ns=reference.IDLE_NS,
        reuse_ns=reference.REUSE_NS,
    ):
        memset(&self.t, 0, sizeof(Tracker))
        self.t.states = <const uint8_t *>address(_STATES)
        self.t.tls_ports = <const uint8_t *>address(_TLS_PORTS)
        self.t.alert_sizes = <const uint8_t *>address(_ALERT_SIZES)
        self.t.rank = <const uint8_t *>address(_RANK)
        for which, limit in enumerate((embryonic_ns, linger_ns, idle_ns)):
            self.t.queues[which].limit_ns = limit
            self.t.queues[which].first = self.t.queues[which].last = NOWHERE
        self.t.now_ns = -SPAN_NS
        self.t.reuse_ns = reuse_ns
        self.t.max_live = max(max_connections, 1)
        self.t.seed = secrets.randbits(64)
        self.t.free_conn = self.t.free_slot = self.t.done = NOWHERE
        self.conns = np.zeros(0, CONN)
        self.slots = np.zeros(0, record_dtype(SEGMENT))
        self._grow_conns(256)
        self._grow_slots(2048)

    @property
    def evicted(self):
        return self.t.evicted

    def feed(self, batch):
        cdef Py_ssize_t at = 0, n = len(batch)
        cdef Segment *rows
        if batch.dtype != self.slots.dtype or not batch.flags.c_contiguous:
            raise TypeError("a contiguous array of tables.SEGMENT rows is needed")
        rows = <Segment *>address(batch)
        while True:
            with nogil:
                at = run(&self.t, rows, at, n)
            if at == n:
                return
            if self.t.n_free_conns < 1:
                self._grow_conns(2 * len(self.conns))
            if self.t.n_free_slots < 2:
                self._grow_slots(2 * len(self.slots))

    def take(self):
        done, at = [], self.t.done
        n = self.t.n_done
        order = np.empty(n, np.uint32)
        cdef uint32_t index = self.t.done
        cdef uint32_t[::1] fill = order
        cdef Py_ssize_t i
        for i in range(n):
            fill[i] = index
            index = self.t.conns[index].after
        order = order[np.argsort(self.conns["conn"][order])]
        found = self._tables(order)
        self._free(order)
        self.t.done = NOWHERE
        self.t.n_done = 0
        return found

    def finish(self):
        cdef int which
        for which in range(3):
            while self.t.queues[which].first != NOWHERE:
                leave(&self.t, self.t.queues[which].first)
        return self.take()

    def _tables(self, order):
        conns = _pick(self.conns, order)
        rows = np.zeros(len(order), record_dtype(OBSERVATION))
        names = set(conns.dtype.names)
        for column in OBSERVATION:
            if column.name in ("tail_at", "tail_n"):
                continue
            source = conns if column.name in names else conns["halves"]
            rows[column.name] = source[column.name]
        rows["tail_n"] = conns["n_kept"]
        rows["tail_at"] = np.cumsum(conns["n_kept"], dtype=np.int64) - conns["n_kept"]
        held = np.arange(KEPT) < conns["n_kept"][:, None]
        tail = _pick(self.slots, conns["kept"][held])
        tail["role"] = conns["kept_role"][held]
        tail["side"] = conns["kept_side"][held]
        tail["sym"] = conns["kept_sym"][held]
        return Observations(rows, tail)

    def _free(self, order):
        cdef const uint32_t[::1] indices = order
        cdef Py_ssize_t i
        cdef int k
        cdef uint32_t index
        for i in range(len(order)):
            index = indices[i]
            for k in range(self.t.conns[index].n_kept):
                drop_slot(&self.t, self.t.conns[index].kept[k])
            self.t.conns[index].after = self.t.free_conn
            self.t.free_conn = index
            self.t.n_free_conns += 1

    def _grow_conns(self, size):
        cdef uint32_t i, old = len(self.conns), new = size, index
        bigger = self.conns = _grown(self.conns, size)
        self.t.conns = <Conn *>address(bigger)
        for i in range(old, new):
            self.t.conns[i].after = self.t.free_conn
            self.t.free_conn = i
        self.t.n_free_conns += new - old
        self.table = np.full(4 * size, NOWHERE, np.uint32)
        self.t.table = <uint32_t *>address(self.table)
        self.t.mask = 4 * new - 1
        for i in range(3):
            index = self.t.queues[i].first
            while index != NOWHERE:
                insert(&self.t, index)
                index = self.t.conns[index].after

    def _grow_slots(self, size):
        cdef uint32_t i, old = len(self.slots), new = size
        bigger = self.slots = _grown(self.slots, size)
        self.t.slots = <Segment *>address(bigger)
        for i in range(old, new):
            self.t.slots[i].conn = self.t.free_slot
            self.t.free_slot = i
        self.t.n_free_slots += new - old
