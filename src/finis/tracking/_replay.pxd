# A connection that is at rest as its segments (`_notes.pxd`) is followed at last.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from finis.wire.segment cimport Segment
from finis.tracking._connection cimport take
from finis.tracking._flow cimport ends_of
from finis.tracking._notes cimport HANDSHAKE, begin_notes, notes_after, read_note
from finis.tracking._plain cimport plain_segment
from finis.tracking._slots cimport tell
from finis.tracking._state cimport Conn, Ends, Flow, Hot, Kept, Notes, Tracker
from finis.tracking._store cimport begin_conn, expand, pack_parts


cdef inline void address(const Tracker *t, const Flow *f, Segment *s) noexcept nogil:
    """A segment of either side."""
    cdef Ends e
    cdef int side
    ends_of(t, f, &e)
    memset(s, 0, 2 * sizeof(Segment))
    s[0].src_hi, s[0].src_lo, s[0].src_p = e.orig_hi, e.orig_lo, f.orig_p
    s[0].dst_hi, s[0].dst_lo, s[0].dst_p = e.resp_hi, e.resp_lo, f.resp_p
    s[1].src_hi, s[1].src_lo, s[1].src_p = e.resp_hi, e.resp_lo, f.resp_p
    s[1].dst_hi, s[1].dst_lo, s[1].dst_p = e.orig_hi, e.orig_lo, f.orig_p
    for side in range(2):
        s[side].vlan, s[side].point = f.vlan, f.point


cdef inline void replay(
    Tracker *t, const Flow *f, Hot *h, const uint8_t *p, int n, bint young
) noexcept nogil:
    """Follow these `n` segments, which were counted when they came; `young`: all there were, and
    nothing is in `h`."""
    cdef Segment[2] ends
    cdef Segment *s
    cdef Notes notes
    cdef Kept k
    cdef Conn *c = &t.at_hand
    cdef int64_t before_ns = t.epoch_ns if young else h.last_ns
    cdef uint64_t n_kept = t.n_kept
    cdef int i, side = 0, begins = HANDSHAKE if young else 0
    address(t, f, ends)
    if young:
        begin_notes(&notes)
    else:
        notes_after(t, h, &notes)
        notes.base = 1
    for i in range(n):
        if young and n == 1:
            k = (<const Kept *>p)[0]
        else:
            p = read_note(t, &notes, before_ns, &k, &side, p)
        before_ns = k.ts_ns
        s = &ends[side]
        tell(&k, s)
        if i >= begins:
            if h.plain >> side & 1 and plain_segment(
                t, h, s, side, &h.halves[side], &h.halves[1 - side]
            ):
                continue
            expand(t, h, c)
        elif i == 0:
            begin_conn(t, c, s, f.conn, False, -1, False)
        take(t, c, s, side)
        if i == n - 1 or i >= begins - 1:
            pack_parts(t, h, c)
    t.n_kept = n_kept
