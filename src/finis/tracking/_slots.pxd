# Kept segments in 64 bytes: written when a segment is kept, read by what looks back, turned into
# rows again when they leave.
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._state cimport Conn, Kept, Tracker, give, grab, place, slot

cdef enum:  # of Kept.marks: neither, if there is nothing but payload that others lack
    BARE = 1 << 13
    WIDE = 2 << 13


cdef extern from *:
    """
    /* The last fields of a segment; the bits of which a slot without marks has no room. */
    static const struct finis_last_fields {
        uint16_t src_p, dst_p, flags, win, vlan, mss, ip_id, drop;
        uint8_t ttl, wscale, head_len, alert, alert_desc, kind, side, sym;
    } finis_no_room = {0, 0, 0xFE00, 0, 0, 0xFFFF, 0, 0xFFFF, 0, 0xFF, 0xF0, 0xF0, 0, 0, 0, 0};

    static inline uint64_t finis_too_much(const void *last_fields) {
        uint64_t has[3], no_room[3];
        memcpy(has, last_fields, sizeof(has));
        memcpy(no_room, &finis_no_room, sizeof(no_room));
        return (has[0] & no_room[0]) | (has[1] & no_room[1]) | (has[2] & no_room[2]);
    }
    """
    uint64_t too_much "finis_too_much" (const void *last_fields) noexcept nogil


cdef inline bint is_wide(const Kept *k) noexcept nogil:
    return k.marks >= WIDE


cdef inline uint64_t hash_of_kept(const Kept *k) noexcept nogil:
    """Its payload_hash.  A wide one has it where `head` would be."""
    return k.payload_hash if k.marks < BARE else k.wide_hash if k.marks >= WIDE else 0


cdef inline uint16_t flags_of(const Kept *k) noexcept nogil:
    return k.marks & 0x1FF


cdef inline uint8_t kind_of(const Kept *k) noexcept nogil:
    return k.marks >> 9 & 15


cdef inline void put(Tracker *t, uint32_t at, const Segment *s, uint16_t point) noexcept nogil:
    """Write `s` into the slot, without reading there: it is hardly ever in the cache."""
    if keep_usual(slot(t, at), s, point):
        put_unusual(t, slot(t, at), s, point)


cdef inline uint64_t keep_usual(Kept *k, const Segment *s, uint16_t point) noexcept nogil:
    """All of `s` that most segments have; whether it has more."""
    cdef uint32_t overhead = s.ip_len - s.payload_len
    cdef uint64_t unusual
    k.ts_ns = s.ts_ns
    # Neighbours in both structs are copied together.
    memcpy(&k.head, &s.head, 2 * sizeof(uint64_t))  # and payload_hash
    memcpy(&k.seq, &s.seq, 2 * sizeof(uint32_t))  # and ack
    memcpy(&k.tsval, &s.tsval, 2 * sizeof(uint32_t))  # and tsecr
    memcpy(&k.quirks, &s.quirks, 2 * sizeof(uint32_t))  # and frame
    memcpy(&unusual, &s.sack_left, sizeof(uint64_t))  # and sack_right
    unusual |= too_much(&s.src_p) | overhead >> 8 | (s.point ^ point)
    k.payload_len = s.payload_len
    k.win = s.win
    k.ip_id = s.ip_id
    k.file = s.file
    k.marks = <uint16_t>(s.flags & 0x1FF | s.kind << 9)
    k.overhead = <uint8_t>overhead
    k.ttl = s.ttl
    k.alert_desc = s.alert_desc
    k.alert_head = <uint8_t>(s.alert | s.head_len << 4)
    return unusual


cdef inline bint is_bare(const Segment *s, uint16_t point) noexcept nogil:
    """Does what is unusual in it fit where others have payload?"""
    return not (
        s.ip_len - s.payload_len > 255 or s.flags > 0x1FF or s.alert > 15 or s.head_len > 15
        or s.point != point or s.head | s.payload_hash
    )


cdef inline void put_unusual(
    Tracker *t, Kept *k, const Segment *s, uint16_t point
) noexcept nogil:
    if is_bare(s, point):
        keep_bare(k, s)
        return
    k.marks |= WIDE
    k.wide_hash = s.payload_hash
    k.wide = grab(&t.blocks)
    (<Segment *>place(&t.blocks, k.wide))[0] = s[0]


cdef inline void keep_bare(Kept *k, const Segment *s) noexcept nogil:
    k.marks |= BARE
    k.sack_left = s.sack_left
    k.sack_right = s.sack_right
    k.mss = s.mss
    k.drop = s.drop
    k.wscale = s.wscale


cdef inline void drop_slot(Tracker *t, uint32_t at) noexcept nogil:
    if is_wide(slot(t, at)):
        give(&t.blocks, slot(t, at).wide)
    give(&t.slots, at)


cdef inline void restore(
    const Tracker *t, uint32_t at, const Conn *c, int side, Segment *s
) noexcept nogil:
    """The row again, without role and symbol."""
    cdef const Kept *k = slot(t, at)
    if is_wide(k):
        s[0] = (<Segment *>place(&t.blocks, k.wide))[0]
        # The connection may have been turned round since.
        s.conn = c.conn
        s.role = 0
        s.side = <uint8_t>side
        s.sym = 0
        return
    tell(k, s)
    if side == 0:
        s.src_hi, s.src_lo, s.src_p = c.orig_hi, c.orig_lo, c.orig_p
        s.dst_hi, s.dst_lo, s.dst_p = c.resp_hi, c.resp_lo, c.resp_p
    else:
        s.src_hi, s.src_lo, s.src_p = c.resp_hi, c.resp_lo, c.resp_p
        s.dst_hi, s.dst_lo, s.dst_p = c.orig_hi, c.orig_lo, c.orig_p
    s.conn = c.conn
    s.role = 0
    s.point = c.point
    s.vlan = c.vlan
    s.side = <uint8_t>side
    s.sym = 0


cdef inline void tell(const Kept *k, Segment *s) noexcept nogil:
    """The fields of the row that are in the slot, which is not a wide one."""
    s.ts_ns = k.ts_ns
    s.seq = k.seq
    s.ack = k.ack
    s.payload_len = k.payload_len
    s.ip_len = k.payload_len + k.overhead
    s.tsval = k.tsval
    s.tsecr = k.tsecr
    s.quirks = k.quirks
    s.frame = k.frame
    s.file = k.file
    s.flags = flags_of(k)
    s.win = k.win
    s.ip_id = k.ip_id
    s.ttl = k.ttl
    s.head_len = k.alert_head >> 4
    s.alert = k.alert_head & 15
    s.alert_desc = k.alert_desc
    s.kind = kind_of(k)
    if k.marks < BARE:
        s.head = k.head
        s.payload_hash = k.payload_hash
        s.sack_left = s.sack_right = 0
        s.mss = s.drop = 0
        s.wscale = 0
    else:
        s.head = s.payload_hash = 0
        s.sack_left = k.sack_left
        s.sack_right = k.sack_right
        s.mss = k.mss
        s.drop = k.drop
        s.wscale = k.wscale
