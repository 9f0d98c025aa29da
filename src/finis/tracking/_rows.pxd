# A finished connection as a row of tables.OBSERVATION and rows of tables.SEGMENT.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from finis.wire.segment cimport Segment
from finis.tracking._slots cimport restore
from finis.tracking._state cimport Conn, Half, Observation, Tracker


cdef inline void write_tail(const Tracker *t, const Conn *c, Segment *tail) noexcept nogil:
    cdef int i
    for i in range(c.n_kept):
        restore(t, c.kept[i], c, c.kept_side[i], &tail[i])
        tail[i].role = c.kept_role[i]
        tail[i].sym = c.kept_sym[i]


cdef inline void write_row(const Conn *c, uint32_t tail_at, Observation *row) noexcept nogil:
    cdef const Half *x
    cdef int i
    row.tail_at = tail_at
    row.tail_n = c.n_kept
    row.orig_hi = c.orig_hi
    row.orig_lo = c.orig_lo
    row.resp_hi = c.resp_hi
    row.resp_lo = c.resp_lo
    row.conn = c.conn
    row.first_ns = c.first_ns
    row.last_ns = c.last_ns
    row.max_gap_ns = c.max_gap_ns
    row.max_gap_at_ns = c.max_gap_at_ns
    row.closing_gap_ns = c.closing_gap_ns
    row.established_ns = c.established_ns
    row.reuse_gap_ns = c.reuse_gap_ns
    row.first_frame = c.first_frame
    row.last_frame = c.last_frame
    row.orig_p = c.orig_p
    row.resp_p = c.resp_p
    row.point = c.point
    row.vlan = c.vlan
    row.file = c.file
    row.last_file = c.last_file
    row.orientation = c.orientation
    row.established = c.established
    row.midstream = c.midstream
    row.simultaneous = c.simultaneous
    row.ended = c.ended
    row.first_fin = c.first_fin
    row.first_rst = c.first_rst
    row.conn_state = c.conn_state
    row.reset_by = c.reset_by
    row.reuse_unanswered = c.reuse_unanswered
    memcpy(row.ending, c.ending, sizeof(row.ending))
    memcpy(row.history, c.history, sizeof(row.history))
    for i in range(2):
        x = &c.halves[i]
        row.bytes[i] = x.bytes
        row.ip_bytes[i] = x.ip_bytes
        row.after_fin[i] = x.after_fin
        row.after_own_fin[i] = x.after_own_fin
        row.first_seg_ns[i] = x.first_seg_ns
        row.last_seg_ns[i] = x.last_seg_ns
        row.first_data_ns[i] = x.first_data_ns
        row.last_data_ns[i] = x.last_data_ns
        row.fin_ns[i] = x.fin_ns
        row.fin_acked_ns[i] = x.fin_acked_ns
        row.rst_ns[i] = x.rst_ns
        row.rst_lag_ns[i] = x.rst_lag_ns
        row.head[i] = x.head
        row.pkts[i] = x.pkts
        row.rexmit_pkts[i] = x.rexmit_pkts
        row.rexmit_bytes[i] = x.rexmit_bytes
        row.keep_alives[i] = x.keep_alives
        row.probes[i] = x.probes
        row.challenge[i] = x.challenge
        row.out_of_window[i] = x.out_of_window
        row.zero_windows[i] = x.zero_windows
        row.dup_acks[i] = x.dup_acks
        row.isn[i] = x.isn
        row.una[i] = x.una
        row.nxt[i] = x.nxt
        row.fin_seq[i] = x.fin_seq
        row.fin_ack[i] = x.fin_ack
        row.rst_seq[i] = x.rst_seq
        row.rst_ack[i] = x.rst_ack
        row.syns[i] = x.syns
        row.fins[i] = x.fins
        row.rsts[i] = x.rsts
        row.mss[i] = x.mss
        row.isn_known[i] = x.isn_known
        row.nxt_known[i] = x.nxt_known
        row.wscale[i] = x.wscale
        row.rst_class[i] = x.rst_class
        row.rst_answers[i] = x.rst_answers
        row.rst_accept[i] = x.rst_accept
        row.notify[i] = x.notify
        row.alert[i] = x.alert
        row.alert_desc[i] = x.alert_desc
        row.head_len[i] = x.head_len
        row.ttl_min[i] = x.ttl_min
        row.ttl_max[i] = x.ttl_max
        row.rst_ttl[i] = x.rst_ttl
        row.last_win0[i] = x.last_win0
