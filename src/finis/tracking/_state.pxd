# What the kernel remembers.  Names are explained in half.py, record.py and reference.py;
# `_layout.py` describes the same structs to NumPy.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport MAX_HISTORY, MAX_SYMBOLS

cdef enum:
    KEPT = 32  # at most 20 pinned, 8 recent and the one just coming in
    SLOT_BITS = 15  # slots per chunk: 4 MB, which NumPy asks for in huge pages

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
    Segment **slots  # in chunks, so that more of them never means to copy
    uint32_t *table
    const uint8_t *states
    const uint8_t *tls_ports
    const uint8_t *alert_sizes
    const uint8_t *port_ranks
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
    uint32_t free_conn  # given back; `fresh_conn` and beyond were never touched
    uint32_t free_slot
    uint32_t fresh_conn
    uint32_t fresh_slot
    uint32_t n_free_conns
    uint32_t n_free_slots
    uint32_t done


cdef inline Segment *slot(const Tracker *t, uint32_t at) noexcept nogil:
    return &t.slots[at >> SLOT_BITS][at & ((1 << SLOT_BITS) - 1)]
