# The C structs of state.h; Python and C see the fields that are named here.
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.tracking._codes cimport NOWHERE
from finis.tracking._memory cimport finis_fetch
from finis.wire.segment cimport Segment


cdef extern from "state.h" nogil:
    enum:
        KEPT
        RING
        PINS
        EARLY
        FIRST
        LINES
        LINE
        SHORT_LINE
        COLD_WORDS

    struct Hole:
        uint32_t first, end

    struct Undo:
        int64_t last_ns, max_gap_ns, max_gap_at_ns, first_seg_ns, last_seg_ns
        uint32_t last_frame, zero_windows, hist_syn
        uint16_t last_file, hist_seen
        uint8_t ttl_min, ttl_max, last_win0, n_history, n_ending, doubtful

    struct Kept:
        int64_t ts_ns
        uint64_t head, payload_hash, wide_hash
        uint32_t sack_left, sack_right, wide
        uint16_t mss, drop
        uint8_t wscale
        uint32_t seq, ack, tsval, tsecr, quirks, frame, payload_len
        uint16_t win, ip_id, file
        uint16_t marks
        uint8_t overhead, ttl, alert_desc, alert_head

    struct HalfHot:
        uint64_t bytes, ip_bytes, head
        int64_t first_seg_ns, last_seg_ns, first_data_ns, last_data_ns
        uint32_t pkts, nxt, una, isn, low, edge, last_ack, last_len, hist_syn
        uint16_t win, mss, syns
        uint16_t isn_known, nxt_known, una_known, edge_known, win_known, ack_known, sent_syn_ack
        uint16_t sent_ack, scaling, last_win0, last_shown, last_fits, provoked, probed
        uint16_t hist_seen, state
        uint32_t bits
        uint8_t wscale, ttl_min, ttl_max, head_len, last_alert
        int8_t scale

    struct HalfCold:
        uint8_t n_holes

    struct ConnHot:
        uint64_t orig_hi, orig_lo, resp_hi, resp_lo
        uint16_t orig_p, resp_p, vlan, point
        uint32_t cold
        uint64_t conn
        int64_t first_ns, last_ns, max_gap_ns, max_gap_at_ns, established_ns
        uint32_t first_frame, last_frame
        uint32_t relative
        uint16_t file, last_file
        uint8_t plain
        uint8_t odd
        uint8_t n_history, n_ending
        uint8_t orientation, established, midstream, simultaneous, answered
        uint8_t reuse_unanswered, traits

    struct ConnCold:
        uint32_t more

    struct Half:
        uint64_t bytes, ip_bytes, head
        int64_t first_seg_ns, last_seg_ns, first_data_ns, last_data_ns
        uint32_t pkts, nxt, una, isn, low, edge, last_ack, last_len, hist_syn
        uint16_t win, mss, syns
        uint16_t isn_known, nxt_known, una_known, edge_known, win_known, ack_known, sent_syn_ack
        uint16_t sent_ack, scaling, last_win0, last_shown, last_fits, provoked, probed
        uint16_t hist_seen, state
        uint32_t bits
        uint8_t wscale, ttl_min, ttl_max, head_len, last_alert
        int8_t scale
        uint64_t after_fin, after_own_fin
        int64_t fin_ns, fin_acked_ns, rst_ns, rst_lag_ns
        uint32_t rexmit_pkts, rexmit_bytes, keep_alives, probes, challenge, out_of_window
        uint32_t zero_windows, dup_acks, fin_seq, fin_ack, rst_seq, rst_ack, rst_mark, hist_fin, hist_rst
        uint32_t hist_bad, hist_again, hist_zero, hist_gap
        Hole holes[4]
        uint16_t fins, rsts
        uint8_t rst_class, rst_answers, rst_accept, notify, alert, alert_desc, rst_ttl
        uint8_t quiet_since_fin, rst_mark_known, since_rst, n_holes
        HalfHot hot
        HalfCold cold_part

    struct Conn:
        uint64_t orig_hi, orig_lo, resp_hi, resp_lo
        uint16_t orig_p, resp_p, vlan, point
        uint32_t cold
        uint64_t conn
        int64_t first_ns, last_ns, max_gap_ns, max_gap_at_ns, established_ns
        uint32_t first_frame, last_frame
        uint32_t relative
        uint16_t file, last_file
        uint8_t plain
        uint8_t odd
        uint8_t n_history, n_ending
        uint8_t orientation, established, midstream, simultaneous, answered
        uint8_t reuse_unanswered, traits
        int64_t closing_gap_ns, reuse_gap_ns
        Undo undo
        uint32_t pending_seq
        uint32_t more
        uint8_t ended, first_fin, first_rst, conn_state, reset_by, closing, refused, doubtful
        uint8_t pending
        ConnHot hot
        ConnCold cold_part
        Half halves[2]
        uint32_t kept[32]
        uint16_t kept_role[32]
        uint8_t kept_side[32]
        uint8_t kept_sym[32]
        uint16_t ending[16]
        uint8_t history[24]
        uint8_t n_kept

    struct Flow:
        uint32_t orig, resp
        uint16_t orig_p, resp_p, vlan, point
        uint32_t before, after
        int64_t touched_ns
        uint64_t conn
        uint32_t lines[5]
        uint8_t waiting, n_kept, n_lines, wide, short_line, noted

    struct Ends:
        uint64_t orig_hi, orig_lo, resp_hi, resp_lo

    struct Notes:
        uint32_t seq[2]
        uint32_t una[2]
        uint32_t tsval[2]
        uint32_t frame
        uint16_t win[2]
        uint16_t ip_id[2]
        uint16_t file, size, base
        uint16_t quirks[4]
        uint8_t ttl[2]
        uint8_t overhead[2]
        int8_t last[4]
        uint8_t n, lasting, n_lasting, acked, pushed, odd

    struct Hot:
        uint64_t orig_hi, orig_lo, resp_hi, resp_lo
        uint16_t orig_p, resp_p, vlan, point
        uint32_t cold
        uint64_t conn
        int64_t first_ns, last_ns, max_gap_ns, max_gap_at_ns, established_ns
        uint32_t first_frame, last_frame
        uint32_t relative
        uint16_t file, last_file
        uint8_t plain
        uint8_t odd
        uint8_t n_history, n_ending
        uint8_t orientation, established, midstream, simultaneous, answered
        uint8_t reuse_unanswered, traits
        ConnHot hot
        uint32_t flow
        uint32_t ring[8]
        uint32_t pins[8]
        uint16_t ring_role[8]
        uint16_t pins_role[8]
        uint8_t ring_sym[8]
        uint8_t pins_sym[8]
        uint8_t ring_n, ring_at, n_pins, used
        uint8_t history[12]
        uint16_t ending[2]
        HalfHot halves[2]

    struct Cold:
        ConnCold conn
        HalfCold halves[2]
        uint16_t ending[14]
        uint8_t history[12]

    struct More:
        uint32_t pins[16]
        uint16_t pins_role[16]
        uint8_t pins_sym[16]

    struct Observation:
        uint64_t orig_hi, orig_lo, resp_hi, resp_lo, conn
        int64_t first_ns, last_ns, max_gap_ns, max_gap_at_ns, closing_gap_ns, established_ns
        int64_t reuse_gap_ns
        uint64_t bytes[2]
        uint64_t ip_bytes[2]
        uint64_t after_fin[2]
        uint64_t after_own_fin[2]
        int64_t first_seg_ns[2]
        int64_t last_seg_ns[2]
        int64_t first_data_ns[2]
        int64_t last_data_ns[2]
        int64_t fin_ns[2]
        int64_t fin_acked_ns[2]
        int64_t rst_ns[2]
        int64_t rst_lag_ns[2]
        uint64_t head[2]
        uint32_t first_frame, last_frame, tail_at, tail_n
        uint32_t pkts[2]
        uint32_t rexmit_pkts[2]
        uint32_t rexmit_bytes[2]
        uint32_t keep_alives[2]
        uint32_t probes[2]
        uint32_t challenge[2]
        uint32_t out_of_window[2]
        uint32_t zero_windows[2]
        uint32_t dup_acks[2]
        uint32_t isn[2]
        uint32_t una[2]
        uint32_t nxt[2]
        uint32_t fin_seq[2]
        uint32_t fin_ack[2]
        uint32_t rst_seq[2]
        uint32_t rst_ack[2]
        uint16_t ending[16]
        uint8_t history[24]
        uint16_t orig_p, resp_p, point, vlan, file, last_file
        uint16_t syns[2]
        uint16_t fins[2]
        uint16_t rsts[2]
        uint16_t mss[2]
        uint8_t orientation, established, midstream, simultaneous, ended, first_fin, first_rst
        uint8_t conn_state, reset_by, reuse_unanswered
        uint8_t isn_known[2]
        uint8_t nxt_known[2]
        uint8_t wscale[2]
        uint8_t rst_class[2]
        uint8_t rst_answers[2]
        uint8_t rst_accept[2]
        uint8_t notify[2]
        uint8_t alert[2]
        uint8_t alert_desc[2]
        uint8_t head_len[2]
        uint8_t ttl_min[2]
        uint8_t ttl_max[2]
        uint8_t rst_ttl[2]
        uint8_t last_win0[2]


cdef extern from "state.h" nogil:
    void take_role "finis_take_role" (
        uint16_t *roles, uint16_t role, uint16_t mask, uint16_t wanted
    )
    bint has_role "finis_has_role" (const uint16_t *roles, uint16_t mask, uint16_t wanted)
    void unpin "finis_unpin" (
        uint16_t *roles, const uint8_t *sides, int n, uint16_t role, uint16_t side
    )
    void part_roles "finis_part_roles" (
        const uint16_t *held, uint16_t more, uint16_t *roles, uint8_t *sides
    )
    void join_roles "finis_join_roles" (
        uint16_t *held, const uint16_t *roles, const uint8_t *sides, uint16_t less, int n
    )
    uint32_t bit_letter "finis_bit_letter" (uint16_t seen)
    uint32_t bit_win_known "finis_bit_win_known" ()
    uint32_t bit_ack_known "finis_bit_ack_known" ()
    uint32_t bit_edge_known "finis_bit_edge_known" ()
    uint32_t bit_sent_ack "finis_bit_sent_ack" ()
    uint32_t bit_last_win0 "finis_bit_last_win0" ()
    uint32_t bit_last_shown "finis_bit_last_shown" ()
    uint32_t bit_last_fits "finis_bit_last_fits" ()


cdef enum:  # items of a chunk, as powers of two
    FLOW_BITS = 18
    LINE_BITS = 19
    HOT_BITS = 12
    SLOT_BITS = 13
    BLOCK_BITS = 12
    RESTED = 8192  # bytes of a connection at rest at most, with some to spare


cdef struct Queue:
    int64_t limit_ns
    uint32_t first
    uint32_t last
    uint64_t n


cdef struct Pool:
    # Equal items in chunks, so that more of them never means to copy.  Those given back are used
    # first; their first four bytes say which is the next.
    char **chunks
    uint32_t size
    uint32_t bits
    uint32_t free
    uint32_t fresh  # this and what follows was never used
    uint32_t n_free


cdef struct Tracker:
    Pool flows
    Pool ends  # and short lines
    Pool lines
    Pool hots  # a single chunk: as many as may be awake
    Pool colds
    Pool slots
    Pool blocks  # rows that do not fit a slot; pins beyond those of the hot part
    uint32_t n_awake  # at most
    uint32_t hand  # the hot part that is looked at next for one to put to rest
    uint32_t crowd  # an eighth of it: how many of 32 segments come to none that is awake, averaged
    uint32_t missed  # the same of those followed since
    uint64_t *table  # hash, index + 1; 0: empty
    const uint8_t *states
    const uint8_t *tls_ports
    const uint8_t *alert_sizes
    const uint8_t *port_ranks
    const uint8_t *rank
    Queue queues[3]
    int64_t now_ns
    int64_t due_ns  # no connection leaves before the clock is later than this
    int64_t epoch_ns  # the first time that was seen
    int64_t reuse_ns
    uint64_t[3] seeds
    uint64_t number  # of the segment that is followed
    uint64_t evicted
    uint64_t n_live
    uint64_t max_live
    uint64_t max_embryonic
    uint64_t n_kept
    uint64_t max_kept
    uint64_t n_done
    uint32_t *done  # connections that left; room for all there are
    uint32_t mask
    Cold usual  # what a connection without a cold part has
    Conn at_hand
    uint8_t rested[RESTED]


cdef struct Todo:
    # A segment that is to be followed.
    int64_t now_ns  # the latest time that was seen when it came
    uint32_t row
    uint32_t hash


cdef inline char *place(const Pool *p, uint32_t at) noexcept nogil:
    return p.chunks[at >> p.bits] + <size_t>(at & ((<uint32_t>1 << p.bits) - 1)) * p.size


cdef inline Flow *flow_at(const Tracker *t, uint32_t at) noexcept nogil:
    return &(<Flow *>t.flows.chunks[at >> FLOW_BITS])[at & ((1 << FLOW_BITS) - 1)]


cdef inline Hot *hot_at(const Tracker *t, uint32_t at) noexcept nogil:
    return &(<Hot *>t.hots.chunks[0])[at]


cdef inline char *line_at(const Tracker *t, uint32_t at) noexcept nogil:
    return t.lines.chunks[at >> LINE_BITS] + <size_t>(at & ((1 << LINE_BITS) - 1)) * LINE


cdef inline Kept *slot(const Tracker *t, uint32_t at) noexcept nogil:
    return &(<Kept *>t.slots.chunks[at >> SLOT_BITS])[at & ((1 << SLOT_BITS) - 1)]


cdef inline uint32_t grab(Pool *p) noexcept nogil:
    cdef uint32_t at = p.free
    p.n_free -= 1
    if at == NOWHERE:
        at = p.fresh
        p.fresh += 1
    else:
        p.free = (<uint32_t *>place(p, at))[0]
        if p.free != NOWHERE:
            finis_fetch(place(p, p.free))  # so that the next is at hand
    return at


cdef inline void give(Pool *p, uint32_t at) noexcept nogil:
    (<uint32_t *>place(p, at))[0] = p.free
    p.free = at
    p.n_free += 1


cdef inline void grab_slots(Tracker *t, uint32_t *at, int n) noexcept nogil:
    """`n` of them."""
    cdef uint32_t free = t.slots.free
    cdef int i
    t.slots.n_free -= n
    for i in range(n):
        at[i] = free
        if free == NOWHERE:
            at[i] = t.slots.fresh
            t.slots.fresh += 1
        else:
            free = (<const uint32_t *>slot(t, free))[0]
    t.slots.free = free


cdef inline void give_slots(Tracker *t, const uint32_t *at, int n) noexcept nogil:
    cdef int i
    if n == 0:
        return
    for i in range(n - 1):
        (<uint32_t *>slot(t, at[i]))[0] = at[i + 1]
    (<uint32_t *>slot(t, at[n - 1]))[0] = t.slots.free
    t.slots.free = at[0]
    t.slots.n_free += n
