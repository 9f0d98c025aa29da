"""Kernel: `logrows.fill` and `refused.fill`, each in one pass over packed rows."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from finis.correlation._hash cimport chained
from finis.tracking._held cimport Connection, Refused
from finis.tracking._memory cimport fetch_lines, finis_fetch
from finis.wire.dialects._row cimport (
    A, B, Event, HAS_A_P, HAS_B_P, HAS_BYTES, HAS_DURATION, HAS_HIT_COUNT, HAS_LINE, HAS_TS
)  # fmt: skip

from finis.diagnosis import kinds
from finis.tracking.packed import CONNECTION, DENIAL
from finis.wire.dialects import _packed

assert sizeof(Connection) == CONNECTION.itemsize and sizeof(Refused) == DENIAL.itemsize

cdef enum:
    AHEAD = 8  # rows ahead of which memory is loaded
    NO_PORT = 1 << 16
    NO_SIDE = 255

cdef int64_t NEVER = -(2**63), NS = 1_000_000_000
cdef uint64_t V4 = _packed.V4, NAMED = _packed.NAMED


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
    """As `kinds.connection_keys`."""
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
                fetch_lines(c, sizeof(Connection))
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


# --- denials -------------------------------------------------------------------------------------

cdef packed struct Row:  # refused.REFUSED
    uint64_t kind
    uint64_t tuple
    uint64_t src
    uint64_t dst
    int64_t ts
    int64_t row
    int64_t line
    int64_t hits
    double lag_s
    double failover_s
    uint32_t src_p
    uint32_t dst_p
    uint32_t said
    uint16_t device
    uint8_t known
    uint8_t over

ROW_BYTES = sizeof(Row)
cdef double LAG_S[3]
cdef double SYN_AFTER_S[3]
cdef double FAILOVER_S[3]
LAG_S[:], SYN_AFTER_S[:], FAILOVER_S[:] = kinds.LAG_S, kinds.SYN_AFTER_S, kinds.FAILOVER_S
cdef uint16_t PRIVILEGED = kinds.PRIVILEGED


cdef inline uint64_t step(double value, const double* thresholds) noexcept nogil:
    """As `kinds._step`, of three thresholds."""
    cdef uint64_t at = 1
    cdef int i
    if value != value:
        return 0
    for i in range(3):
        at += (thresholds[i] < value) + (thresholds[i] <= value)
    return at


cdef inline uint64_t port_kind(bint known, uint16_t port) noexcept nogil:
    return (1 if port < PRIVILEGED else 2) if known else 0


cdef inline bint to_many(uint64_t host) noexcept nogil:
    """As `kinds.to_many`."""
    return V4 <= host < NAMED and (host & 0xFF == 0xFF or host >> 28 & 0xF == 0xE)


cdef uint64_t kind_of_denial(
    const Refused* d, const Connection* c, uint64_t said, const uint64_t[::1] hows, uint64_t cause
) noexcept nogil:
    """As `kinds.denial_keys`; `c`: the connection it belongs to, NULL for none."""
    cdef const Event* e = &d.refusal.event
    cdef bint known = d.at >= 0
    cdef bint over = known and d.refusal.lag_s == d.refusal.lag_s
    cdef uint64_t key = said
    if c != NULL:
        if over:
            key |= (
                hows[min(<Py_ssize_t>c.end.how, len(hows) - 1)] + 2 if c.ended else <uint64_t>1
            ) << 17
            if c.ended:
                key |= <uint64_t>(c.end.by + 1) << 25
                key |= sign(c.end.has & HAS_BYTES != 0, c.end.bytes == 0) << 28
        key |= (cause + 1) << 30
    key |= <uint64_t>to_many(e.host[B]) << 37 | <uint64_t>d.refusal.seen << 38
    key |= <uint64_t>d.refusal.side << 40 | <uint64_t>d.refusal.pending << 42
    key |= step(d.refusal.lag_s, LAG_S) << 43 | step(d.syn_after_s, SYN_AFTER_S) << 46
    key |= step(d.refusal.failover_s, FAILOVER_S) << 49
    key |= port_kind(e.has & HAS_A_P != 0, e.port[A]) << 52
    key |= port_kind(e.has & HAS_B_P != 0, e.port[B]) << 54
    return key | <uint64_t>(e.port[A] > e.port[B]) << 56


def fill_denials(
    const uint8_t[::1] denials, const uint8_t[::1] connections, codes, uint8_t[::1] out,
    uint64_t[::1] said,
):
    """Fill `out` (REFUSED) and `said` from packed denials; `codes`: a `refused.Codes`."""
    cdef const uint64_t[::1] named = codes.named, words = codes.words, hows = codes.hows
    cdef const uint64_t[::1] causes = codes.causes, protocols = codes.protocols
    cdef const uint64_t[::1] devices = codes.devices, files = codes.files, told = codes.told
    cdef const uint64_t[::1] ends = codes.ends
    cdef Py_ssize_t i, count = len(denials) // <Py_ssize_t>sizeof(Refused)
    cdef Py_ssize_t conns = len(connections) // <Py_ssize_t>sizeof(Connection)
    if count == 0:
        return
    cdef const Refused* every = <const Refused*>&denials[0]
    cdef const Connection* of = <const Connection*>&connections[0] if conns else NULL
    cdef Row* rows = <Row*>&out[0]
    cdef const Refused* d
    cdef const Connection* c
    cdef const Event* e
    cdef Row* r
    cdef uint64_t end
    with nogil:
        for i in range(count):
            if i + AHEAD < count:
                d = every + i + AHEAD
                fetch_lines(d, sizeof(Refused))
                if 0 <= d.at < conns:
                    finis_fetch(<char*>(of + d.at) + sizeof(Connection) - 64)
            d, r = every + i, rows + i
            e = &d.refusal.event
            c = of + d.at if 0 <= d.at < conns else NULL
            r.src, r.dst = code_of(named, e.host[A]), code_of(named, e.host[B])
            r.src_p = <uint32_t>e.port[A] if e.has & HAS_A_P else <uint32_t>NO_PORT
            r.dst_p = <uint32_t>e.port[B] if e.has & HAS_B_P else <uint32_t>NO_PORT
            r.ts = e.ts if e.has & HAS_TS else NEVER
            r.line = e.line if e.has & HAS_LINE else NEVER
            r.hits = e.hit_count if e.has & HAS_HIT_COUNT else 1
            r.row, r.lag_s, r.failover_s = d.refusal.row, d.refusal.lag_s, d.refusal.failover_s
            r.device, r.known = <uint16_t>d.refusal.device, d.at >= 0
            r.over = r.known and r.lag_s == r.lag_s
            r.said = 0
            r.kind = kind_of_denial(
                d, c, words[e.words], hows, causes[d.at] if c != NULL else <uint64_t>0
            )
            r.tuple = chained(chained(chained(chained(0, r.src), r.src_p), r.dst), r.dst_p)
            r.tuple = chained(chained(r.tuple, <uint64_t>d.refusal.log_row), r.device)
            r.tuple = chained(r.tuple, protocols[e.words]) | 1
            end = len(ends) - 1
            if r.over and c != NULL and c.ended:
                end = min(<uint64_t>c.end.how, end)
            said[i] = chained(chained(0, devices[d.refusal.device]), files[e.origin])
            said[i] = chained(chained(said[i], told[e.words]), ends[end])
            said[i] = chained(chained(said[i], d.refusal.seen), d.refusal.pending)
