"""Kernel: `logrows.columns`, in one pass over packed connections."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from finis.tracking._held cimport Connection
from finis.tracking._memory cimport finis_fetch
from finis.wire.dialects._row cimport A, B, Event, HAS_A_P, HAS_BYTES, HAS_DURATION, HAS_LINE, HAS_TS

from finis.tracking.packed import CONNECTION
from finis.wire.dialects import _packed

assert sizeof(Connection) == CONNECTION.itemsize

cdef enum:
    AHEAD = 8  # rows ahead of which memory is loaded
    NO_PORT = 1 << 16
    NO_SIDE = 255

cdef int64_t NEVER = -(2**63), NS = 1_000_000_000
cdef uint64_t NAMED = _packed.NAMED


cdef inline uint64_t chained(uint64_t state, uint64_t part) noexcept nogil:
    """One step of `correlation.keys.mix`."""
    cdef uint64_t z = state + part + <uint64_t>0x9E3779B97F4A7C15
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef inline uint64_t code_of(const uint64_t[::1] named, uint64_t host) noexcept nogil:
    """A host in the codes of all parts."""
    if host < NAMED:
        return host
    return named[host - NAMED] if host - NAMED < <uint64_t>len(named) else 0


cdef inline uint64_t sign(bint known, bint zero) noexcept nogil:
    return (1 if zero else 2) if known else 0


cdef inline uint64_t kind_of(
    const Connection* c, const uint64_t[::1] reasons, const uint64_t[::1] hows
) noexcept nogil:
    """As `kinds.ConnectionKinds.keys`."""
    cdef uint64_t key = 0
    cdef uint32_t has = c.end.has if c.ended else 0
    if c.ended:
        key = reasons[c.end.words] | hows[min(<Py_ssize_t>c.end.how, len(hows) - 1)] << 24
    key |= <uint64_t>c.ended << 48 | <uint64_t>c.implied << 49 | <uint64_t>c.start.guessed << 50
    key |= <uint64_t>(has & HAS_TS != 0) << 51
    key |= sign(has & HAS_BYTES != 0, c.end.bytes == 0) << 52
    key |= sign(has & HAS_DURATION != 0, c.end.duration_s == 0) << 54
    return key | <uint64_t>(c.data_denied > 0) << 56 | <uint64_t>(c.acks_denied > 0) << 57


def fill(
    const uint8_t[::1] rows, const uint64_t[::1] named, const uint64_t[::1] reasons,
    const uint64_t[::1] hows, out,
):
    """Fill `out` (a `logrows.Columns` of arrays as long as there are rows)."""
    cdef uint64_t[::1] orig_h = out.orig_h, resp_h = out.resp_h, kind = out.kind
    cdef uint64_t[::1] target = out.target, second = out.second
    cdef uint32_t[::1] orig_p = out.orig_p, resp_p = out.resp_p, device = out.device
    cdef uint32_t[::1] how = out.how, origin = out.origin
    cdef int64_t[::1] first_ns = out.first_ns, last_ns = out.last_ns, begin = out.begin
    cdef int64_t[::1] number = out.number, line = out.line
    cdef uint8_t[::1] by = out.by, nothing = out.nothing, after = out.after
    cdef Py_ssize_t i, count = len(rows) // <Py_ssize_t>sizeof(Connection)
    if count == 0:
        return
    cdef const Connection* every = <const Connection*>&rows[0]
    cdef const Connection* c
    cdef const Event* e
    cdef uint32_t end_has, a, b
    cdef int64_t first, last
    with nogil:
        for i in range(count):
            if i + AHEAD < count:
                c = every + i + AHEAD
                finis_fetch(c)
                finis_fetch(<char*>c + 64)
                finis_fetch(<char*>c + 128)
                finis_fetch(<char*>c + 192)
            c = every + i
            e = &c.start.event
            a, b = (B, A) if c.start.orig == 1 else (A, B)
            end_has = c.end.has if c.ended else 0
            orig_h[i], resp_h[i] = code_of(named, e.host[a]), code_of(named, e.host[b])
            orig_p[i] = <uint32_t>e.port[a] if e.has & (HAS_A_P << a) else <uint32_t>NO_PORT
            resp_p[i] = <uint32_t>e.port[b] if e.has & (HAS_A_P << b) else <uint32_t>NO_PORT
            first = e.ts if e.has & HAS_TS else NEVER
            last = c.end.ts if end_has & HAS_TS else NEVER
            first_ns[i], last_ns[i] = first, last
            begin[i] = first if first != NEVER else last if last != NEVER else 0
            number[i], device[i] = c.start.row, c.start.device
            how[i] = <uint32_t>c.end.how if c.ended else <uint32_t>0xFFFFFFFF
            by[i] = <uint8_t>c.end.by if c.ended else NO_SIDE
            nothing[i] = end_has & HAS_BYTES != 0 and c.end.bytes == 0
            after[i] = c.denials_after > 0
            if end_has & HAS_LINE:
                line[i], origin[i] = c.end.line, c.end.origin
            else:
                line[i], origin[i] = e.line, e.origin
            kind[i] = kind_of(c, reasons, hows)
            target[i] = chained(chained(0, resp_h[i]), resp_p[i])
            second[i] = 0
            if by[i] < 2 and last != NEVER:
                second[i] = chained(
                    chained(0, resp_h[i] if by[i] else orig_h[i]),
                    <uint64_t>(last // NS - (1 if last % NS < 0 else 0)),
                ) | 1
