# The plain segment: data or a pure ACK, in order, of a connection in which all is well.  Most are;
# they need neither the cold part nor the general code.  What is done here is what `take` does with
# such a segment, the rest of it left out because it cannot apply; wherever in doubt the answer is
# False, before anything was changed, and the general code takes the segment.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._half cimport advance, diff
from finis.tracking._slots cimport drop_slot, flags_of, is_wide, put
from finis.tracking._state cimport (
    EARLY, PINS, RING, HalfHot, Hot, Kept, Tracker, bit_ack_known, bit_edge_known, bit_last_fits,
    bit_last_shown, bit_last_win0, bit_letter, bit_sent_ack, bit_win_known, give, grab, has_role,
    slot, take_role,
)
from finis.tracking._store cimport ANY_ROLE, OF_RESP

cdef enum:
    NOT_PLAIN = NO_SEQ | NO_WIN | NO_TTL | BAD_CHECKSUM
    HOLDING = ANY_ROLE & ~ROLE_RETRANSMISSION  # roles for which a segment is kept


cdef inline bint alike(const Kept *one, const Segment *s) noexcept nogil:
    return (
        one.seq == s.seq and one.ack == s.ack and flags_of(one) == s.flags and one.win == s.win
        and one.payload_len == s.payload_len
    )


cdef inline bint perhaps_copy(const Tracker *t, const Hot *h, const Segment *s) noexcept nogil:
    """Is there one like it among those of the last millisecond?"""
    cdef const Kept *one
    cdef int i
    for i in range(h.ring_n - 1, -1, -1):
        one = slot(t, h.ring[(h.ring_at + i) & (RING - 1)])
        if s.ts_ns - one.ts_ns > COPY_NS:
            return False
        if alike(one, s):
            return True
    for i in range(h.n_pins):
        if alike(slot(t, h.pins[i]), s):
            return True
    return False


cdef inline void release_pins(Tracker *t, Hot *h) noexcept nogil:
    """Drop those that have no role left."""
    cdef int i, n = 0
    for i in range(h.n_pins):
        if not h.pins_role[i] & HOLDING:
            drop_slot(t, h.pins[i])
            t.n_kept -= 1
            continue
        h.pins[n] = h.pins[i]
        h.pins_role[n] = h.pins_role[i]
        h.pins_sym[n] = h.pins_sym[i]
        n += 1
    for i in range(n, h.n_pins):
        h.pins_role[i] = 0
    h.n_pins = <uint8_t>n


cdef inline void keep_plain(
    Tracker *t, Hot *h, const Segment *s, uint16_t role, uint16_t of
) noexcept nogil:
    """`pin` and `keep`: it takes the role over and becomes the latest; needs room for a pin."""
    cdef uint16_t mask = role | OF_RESP, wanted = role | of, old
    cdef uint32_t at
    cdef int i
    take_role(h.ring_role, role, mask, wanted)
    if has_role(h.pins_role, mask, wanted):
        take_role(h.pins_role, role, mask, wanted)
        release_pins(t, h)
    if h.ring_n < RING:
        i = h.ring_n
        h.ring_n += 1
        at = grab(&t.slots)
        t.n_kept += 1
    else:
        i = h.ring_at
        h.ring_at = (i + 1) & (RING - 1)
        at = h.ring[i]
        old = h.ring_role[i]
        if old & HOLDING:
            h.pins[h.n_pins] = at
            h.pins_role[h.n_pins] = old
            h.pins_sym[h.n_pins] = h.ring_sym[i]
            h.n_pins += 1
            at = grab(&t.slots)
            t.n_kept += 1
        elif is_wide(slot(t, at)):
            give(&t.blocks, slot(t, at).wide)
    h.ring[i] = at
    h.ring_role[i] = role | of
    h.ring_sym[i] = 0
    put(t, at, s, h.point)


cdef inline uint32_t data_bits(const Tracker *t, const Segment *s, uint32_t bits) noexcept nogil:
    """`last_shown` and `last_fits` of data in which no alert was seen, see `fits_alert`."""
    if s.quirks & NO_PAYLOAD:
        bits &= ~bit_last_shown()
        if s.payload_len < 256 and t.alert_sizes[s.payload_len]:
            return bits | bit_last_fits()
    else:
        bits |= bit_last_shown()
    return bits & ~bit_last_fits()


cdef inline bint plain_segment(
    Tracker *t, Hot *h, Segment *s, int side, HalfHot *x, HalfHot *r
) noexcept nogil:
    """Follow it if it is one; `h.plain` has been asked.  `x` and `r` are the halves of this side
    and the other (as arguments they are not computed again for each field)."""
    cdef uint32_t length = s.payload_len, edge, bits = x.bits
    cdef uint32_t letter = bit_letter(H_D) if length else bit_letter(H_A)
    cdef int32_t past = diff(s.ack, r.una)
    cdef int64_t ts_ns = s.ts_ns, gap = ts_ns - h.last_ns
    if (
        s.flags & (F_SYN | F_FIN | F_RST | F_ACK) != F_ACK
        or (s.quirks & (NOT_PLAIN | RELATIVE_SEQ)) != h.relative
        or s.win == 0 or s.alert != AL_NONE or s.seq != x.nxt
        or past < 0 or diff(s.ack, r.nxt) > 0
        or diff(s.seq, x.low) < 0 or diff(s.ack, r.low) < 0
        or (not bits & letter and h.n_history == EARLY)
        or (length == 1 and r.last_win0)  # a window probe
        or h.n_pins == PINS
    ):
        return False
    # What continues the numbers of either direction was not seen before, unless something that
    # went by unaccepted was like it.
    if gap <= COPY_NS and (h.odd or (length == 0 and past == 0)) and perhaps_copy(t, h, s):
        return False
    s.kind = K_DATA
    if length == 0:
        s.kind = K_ACK
        if s.ack == x.last_ack and bits & bit_ack_known() and bits & bit_win_known():
            if s.win != x.win:
                s.kind = K_WINDOW_UPDATE
            elif diff(r.nxt, s.ack) > 0:
                return False  # a duplicate ACK, counted
    s.side = <uint8_t>side
    s.conn = h.conn
    s.role = 0
    if gap > 0:
        if gap > h.max_gap_ns:
            h.max_gap_ns = gap
            h.max_gap_at_ns = h.last_ns
        h.last_ns = ts_ns
    h.last_frame = s.frame
    h.last_file = s.file
    x.pkts += 1
    x.ip_bytes += s.ip_len
    x.last_seg_ns = ts_ns
    if s.ttl != x.ttl_min or s.ttl != x.ttl_max:
        if not x.ttl_max or s.ttl < x.ttl_min:
            x.ttl_min = s.ttl
        if s.ttl > x.ttl_max:
            x.ttl_max = s.ttl
    if not bits & letter:
        h.history[h.n_history] = <uint8_t>((c'D' if length else c'A') + (32 if side else 0))
        h.n_history += 1
    bits &= ~bit_last_win0()
    bits |= letter | bit_ack_known() | bit_win_known() | bit_sent_ack()
    if length:
        bits = data_bits(t, s, bits)
        x.bytes += length
        advance(x, s.seq + length)
        if x.first_data_ns == 0:
            x.first_data_ns = ts_ns
        if x.head_len == 0 and s.head_len:
            x.head = s.head
            x.head_len = s.head_len if s.head_len < 8 else 8
        x.last_data_ns = ts_ns
        x.last_len = length
        x.last_alert = AL_NONE
    if past > 0:
        r.una = s.ack
    x.win = s.win
    x.last_ack = s.ack
    if x.scale >= 0:
        edge = s.ack + (<uint32_t>s.win << x.scale)
        if not bits & bit_edge_known() or diff(edge, x.edge) > 0:
            x.edge = edge
            bits |= bit_edge_known()
    x.bits = bits
    if not h.established and r.sent_ack:
        h.established = 1
    keep_plain(
        t, h, s, ROLE_LAST_DATA if length else ROLE_LAST_ACK, <uint16_t>(side << 15)
    )
    return True
