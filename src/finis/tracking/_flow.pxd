# What finds a connection: its addresses, their hash, the table.
from libc.stdint cimport uint16_t, uint32_t, uint64_t

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._state cimport Conn, Ends, Flow, Tracker, flow_at, give, grab, place

cdef extern from *:
    """
    #define FINIS_MAPPED ((uint64_t)0xFFFF << 32)

    /* Both halves of a product folded into one. */
    static inline uint64_t finis_folded_product(uint64_t a, uint64_t b) {
    #ifdef __SIZEOF_INT128__
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    #else
        uint64_t low = (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF), high = (a >> 32) * (b >> 32);
        uint64_t one = (a >> 32) * (b & 0xFFFFFFFF), two = (a & 0xFFFFFFFF) * (b >> 32);
        return a * b ^ (high + (one >> 32) + (two >> 32) + ((low >> 32) + (uint32_t)one
                        + (uint32_t)two >> 32));
    #endif
    }
    """
    uint64_t MAPPED "FINIS_MAPPED"  # an IPv4 address is in the lower half of it
    uint64_t folded_product "finis_folded_product" (uint64_t a, uint64_t b) noexcept nogil


cdef inline uint64_t endpoint_hash(
    const Tracker *t, uint64_t hi, uint64_t lo, uint16_t p
) noexcept nogil:
    """No two endpoints have both factors in common but by chance: `seeds` are secret."""
    return folded_product(lo ^ <uint64_t>p << 48 ^ t.seeds[0], hi ^ p * t.seeds[1] ^ t.seeds[2])


cdef inline uint32_t tuple_hash(
    const Tracker *t, uint64_t a, uint64_t b, uint16_t vlan
) noexcept nogil:
    cdef uint64_t h = folded_product(a + b + vlan, t.seeds[1])
    return <uint32_t>(h ^ (h >> 32))


cdef inline int share_of(const Segment *s) noexcept nogil:
    """As that of reference.py."""
    cdef uint64_t number = (
        (s.src_lo + s.dst_lo + 3 * (s.src_hi + s.dst_hi)) * <uint64_t>0x9E3779B97F4A7C15
        + (<uint64_t>s.src_p + s.dst_p) * <uint64_t>0xC2B2AE3D27D4EB4F
    )
    return <int>(((number ^ number >> 32) * <uint64_t>0xD6E8FEB86659FD93) >> 63)


cdef inline uint32_t hash_of(const Tracker *t, const Segment *s) noexcept nogil:
    """The same for both directions, and not to be guessed from outside."""
    return tuple_hash(
        t, endpoint_hash(t, s.src_hi, s.src_lo, s.src_p),
        endpoint_hash(t, s.dst_hi, s.dst_lo, s.dst_p), s.vlan,
    )


cdef inline const Ends *wide_ends(const Tracker *t, const Flow *f) noexcept nogil:
    return <const Ends *>place(&t.ends, f.orig)


cdef inline void ends_of(const Tracker *t, const Flow *f, Ends *ends) noexcept nogil:
    if f.wide:
        ends[0] = wide_ends(t, f)[0]
    else:
        ends.orig_hi = ends.resp_hi = 0
        ends.orig_lo = MAPPED | f.orig
        ends.resp_lo = MAPPED | f.resp


cdef inline uint32_t hash_of_flow(const Tracker *t, const Flow *f) noexcept nogil:
    cdef Ends e
    ends_of(t, f, &e)
    return tuple_hash(
        t, endpoint_hash(t, e.orig_hi, e.orig_lo, f.orig_p),
        endpoint_hash(t, e.resp_hi, e.resp_lo, f.resp_p), f.vlan,
    )


cdef inline bint is_mapped(uint64_t hi, uint64_t lo) noexcept nogil:
    return hi == 0 and lo >> 32 == 0xFFFF


cdef inline void set_tuple(Tracker *t, Flow *f, const Conn *c) noexcept nogil:
    """Addresses and ports of a connection; `f.wide` says whether it had a `struct Ends` before."""
    f.orig_p, f.resp_p, f.vlan = c.orig_p, c.resp_p, c.vlan
    set_ends(t, f, c.orig_hi, c.orig_lo, c.resp_hi, c.resp_lo)


cdef inline void set_ends(
    Tracker *t, Flow *f, uint64_t orig_hi, uint64_t orig_lo, uint64_t resp_hi, uint64_t resp_lo
) noexcept nogil:
    cdef Ends *e
    if not f.wide:
        if is_mapped(orig_hi, orig_lo) and is_mapped(resp_hi, resp_lo):
            f.orig, f.resp = <uint32_t>orig_lo, <uint32_t>resp_lo
            return
        f.wide = 1
        f.orig = grab(&t.ends)
    e = <Ends *>place(&t.ends, f.orig)
    e.orig_hi, e.orig_lo, e.resp_hi, e.resp_lo = orig_hi, orig_lo, resp_hi, resp_lo


cdef inline int side_of(const Tracker *t, const Flow *f, const Segment *s) noexcept nogil:
    """0: sent by orig, 1: by resp, -1: it is of another connection."""
    if f.vlan != s.vlan:
        return -1
    if f.wide:
        return side_of_wide(wide_ends(t, f), f, s)
    if s.src_hi | s.dst_hi:
        return -1
    if (
        s.src_p == f.orig_p and s.dst_p == f.resp_p and s.src_lo == (MAPPED | f.orig)
        and s.dst_lo == (MAPPED | f.resp)
    ):
        return 0
    if (
        s.src_p == f.resp_p and s.dst_p == f.orig_p and s.src_lo == (MAPPED | f.resp)
        and s.dst_lo == (MAPPED | f.orig)
    ):
        return 1
    return -1


cdef inline int side_of_wide(const Ends *e, const Flow *f, const Segment *s) noexcept nogil:
    if (
        s.src_lo == e.orig_lo and s.dst_lo == e.resp_lo and s.src_p == f.orig_p
        and s.dst_p == f.resp_p and s.src_hi == e.orig_hi and s.dst_hi == e.resp_hi
    ):
        return 0
    if (
        s.src_lo == e.resp_lo and s.dst_lo == e.orig_lo and s.src_p == f.resp_p
        and s.dst_p == f.orig_p and s.src_hi == e.resp_hi and s.dst_hi == e.orig_hi
    ):
        return 1
    return -1


# --- the table: hash in the upper half, index + 1 in the lower one; 0: empty ---------------------

cdef inline uint32_t find(
    const Tracker *t, const Segment *s, uint32_t hash, int *side
) noexcept nogil:
    cdef uint32_t at = hash & t.mask, index
    cdef uint64_t entry
    while True:
        entry = t.table[at]
        if entry == 0:
            return NOWHERE
        if <uint32_t>(entry >> 32) == hash:
            index = <uint32_t>entry - 1
            side[0] = side_of(t, flow_at(t, index), s)
            if side[0] >= 0:
                return index
        at = (at + 1) & t.mask


cdef inline uint32_t guess(const Tracker *t, uint32_t hash) noexcept nogil:
    """What `find` will most likely find, without a look at the connection."""
    cdef uint32_t at = hash & t.mask
    while t.table[at]:
        if <uint32_t>(t.table[at] >> 32) == hash:
            return <uint32_t>t.table[at] - 1
        at = (at + 1) & t.mask
    return NOWHERE


cdef inline void insert(Tracker *t, uint64_t entry) noexcept nogil:
    cdef uint32_t at = <uint32_t>(entry >> 32) & t.mask
    while t.table[at]:
        at = (at + 1) & t.mask
    t.table[at] = entry


cdef inline void erase(Tracker *t, uint32_t index) noexcept nogil:
    """Linear probing without tombstones: move later entries of the cluster up."""
    cdef uint32_t at = hash_of_flow(t, flow_at(t, index)) & t.mask, next_at, home
    while <uint32_t>t.table[at] != index + 1:
        at = (at + 1) & t.mask
    next_at = at
    while True:
        next_at = (next_at + 1) & t.mask
        if t.table[next_at] == 0:
            break
        home = <uint32_t>(t.table[next_at] >> 32) & t.mask
        if ((next_at - home) & t.mask) >= ((next_at - at) & t.mask):
            t.table[at] = t.table[next_at]
            at = next_at
    t.table[at] = 0
