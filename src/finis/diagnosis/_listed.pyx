"""Kernel: `listed.fill`, in one pass over packed connections, and ids as Parquet writes text."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

import numpy as np

from finis.correlation._hash cimport blake2b, chained
from finis.tracking._held cimport Connection
from finis.tracking._memory cimport fetch_lines
from finis.wire.dialects._dotted cimport LONGEST, dotted
from finis.wire.dialects._row cimport (
    A, B, Event, HAS_A_MAPPED_P, HAS_A_P, HAS_BYTES, HAS_CONN_ID, HAS_DURATION, HAS_TS,
)  # fmt: skip

from finis.correlation import keys, naming
from finis.diagnosis import listed
from finis.tracking.packed import CONNECTION
from finis.wire.dialects import _packed

cdef enum:
    AHEAD = 8  # rows ahead of which memory is loaded
    # Bits of `Listed.has`, in the order of `listed.BIT`.
    FIRST = 1
    LAST = 2
    DURATION = 4
    NUMBER = 8
    BYTES = 16
    ORIG_P = 32
    RESP_P = 64
    ORIG_MAPPED_P = 128
    RESP_MAPPED_P = 256
    GUESSED = 512

cdef int64_t NEVER = -(2**63)
cdef uint64_t NAMED = _packed.NAMED, V4_PREFIX = keys.V4_PREFIX
LETTERS = naming.ALPHABET.encode()
cdef const uint8_t* ALPHABET = <const uint8_t*><const char*>LETTERS
cdef int LENGTH = naming.LENGTH

cdef packed struct Listed:  # listed.LISTED
    int64_t begin
    int64_t row
    uint64_t name
    int64_t first_ns
    int64_t last_ns
    double duration_s
    int64_t number
    int64_t bytes
    uint64_t orig_h
    uint64_t resp_h
    uint64_t orig_mapped_h
    uint64_t resp_mapped_h
    uint64_t reason
    uint16_t orig_p
    uint16_t resp_p
    uint16_t orig_mapped_p
    uint16_t resp_mapped_p
    uint32_t device
    uint32_t verdict
    uint32_t has
    uint32_t again

assert sizeof(Connection) == CONNECTION.itemsize and sizeof(Listed) == listed.LISTED.itemsize
assert LENGTH * 5 <= 64 and len(listed.BIT) == 10 and listed.BIT["guessed"] == GUESSED

cdef struct Texts:  # one after another; where each begins, and one more
    const uint8_t* data
    const int64_t* at

cdef struct Address:  # as `correlation.keys` has it
    uint64_t hi
    uint64_t lo
    bint known

cdef struct Hosts:  # of the book
    Texts texts
    const uint64_t* numbers
    const uint64_t* hi
    const uint64_t* lo
    const uint8_t* known
    uint64_t count


cdef inline uint8_t* put(uint8_t* p, const Texts* texts, uint64_t at) noexcept nogil:
    cdef int64_t length = texts.at[at + 1] - texts.at[at]
    memcpy(p, texts.data + texts.at[at], length)
    return p + length


cdef inline uint8_t* put_host(uint8_t* p, const Hosts* hosts, uint64_t host) noexcept nogil:
    if host >= NAMED:
        return put(p, &hosts.texts, host - NAMED) if host - NAMED < hosts.count else p
    return dotted(p, <uint32_t>host) if host else p


cdef inline Address address(const Hosts* hosts, uint64_t host) noexcept nogil:
    cdef Address out
    out.hi, out.lo, out.known = 0, 0, False
    if host >= NAMED:
        if host - NAMED < hosts.count:
            out.hi, out.lo = hosts.hi[host - NAMED], hosts.lo[host - NAMED]
            out.known = hosts.known[host - NAMED] != 0
    elif host:
        out.lo, out.known = <uint32_t>host | V4_PREFIX, True
    return out


cdef inline uint64_t number_of(const Hosts* hosts, uint64_t host) noexcept nogil:
    """A host in the numbers of all parts."""
    if host < NAMED:
        return host
    return hosts.numbers[host - NAMED] if host - NAMED < hosts.count else 0


cdef inline uint64_t end_key(Address host, uint64_t port) noexcept nogil:
    return chained(chained(chained(0, host.hi), host.lo), port)


cdef inline uint64_t near_key(
    const Listed* r, const Hosts* hosts, const Event* e, uint32_t a, uint32_t b
) noexcept nogil:
    """`evidence.near_key`: the tuple on orig's side."""
    cdef Address far = address(hosts, e.host[b + 2])
    cdef uint64_t port = r.resp_mapped_p, one, two
    if not far.known or not r.has & RESP_MAPPED_P:
        far, port = address(hosts, e.host[b]), r.resp_p
    one, two = end_key(address(hosts, e.host[a]), r.orig_p), end_key(far, port)
    return chained(chained(0, min(one, two)), max(one, two))


def fill(const uint8_t[::1] rows, codes, uint8_t[::1] out):
    """Fill `out` (LISTED but `verdict` and `again`) from packed connections; `codes`: a
    `listed.Codes`."""
    cdef const uint8_t[::1] host_texts = codes.hosts.data, device_texts = codes.device_texts.data
    cdef const int64_t[::1] host_at = codes.hosts.at, device_at = codes.device_texts.at
    cdef const uint64_t[::1] numbers = codes.numbers, hi = codes.hi, lo = codes.lo
    cdef const uint8_t[::1] known = codes.known
    cdef const uint64_t[::1] reasons = codes.reasons, devices = codes.devices
    cdef Py_ssize_t i, count = len(rows) // <Py_ssize_t>sizeof(Connection)
    if count == 0:
        return
    cdef Hosts hosts
    hosts.texts.data, hosts.texts.at = &host_texts[0], &host_at[0]
    hosts.numbers, hosts.hi, hosts.lo, hosts.known = &numbers[0], &hi[0], &lo[0], &known[0]
    hosts.count = len(host_at) - 1
    cdef Texts names
    names.data, names.at = &device_texts[0], &device_at[0]
    cdef uint8_t[::1] text = np.empty(codes.longest + 2 * LONGEST + 2, np.uint8)
    cdef const Connection* every = <const Connection*>&rows[0]
    cdef const Connection* c
    cdef const Event* e
    cdef Listed* r = <Listed*>&out[0]
    cdef uint8_t* p
    cdef uint32_t a, b, has
    cdef int64_t when
    with nogil:
        for i in range(count):
            if i + AHEAD < count:
                c = every + i + AHEAD
                fetch_lines(c, sizeof(Connection))
            c, r = every + i, <Listed*>&out[0] + i
            e = &c.start.event
            a, b = (B, A) if c.start.orig == 1 else (A, B)
            r.has = 0
            has = e.has
            r.first_ns = r.last_ns = r.number = r.bytes = 0
            r.duration_s = 0
            r.reason = 0
            if has & HAS_TS:
                r.first_ns = e.ts
                r.has |= FIRST
            if has & HAS_CONN_ID:
                r.number = e.conn_id
                r.has |= NUMBER
            r.orig_p, r.resp_p, r.orig_mapped_p, r.resp_mapped_p = 0, 0, 0, 0
            if has & (HAS_A_P << a):
                r.orig_p = e.port[a]
                r.has |= ORIG_P
            if has & (HAS_A_P << b):
                r.resp_p = e.port[b]
                r.has |= RESP_P
            if has & (HAS_A_MAPPED_P << a):
                r.orig_mapped_p = e.port[a + 2]
                r.has |= ORIG_MAPPED_P
            if has & (HAS_A_MAPPED_P << b):
                r.resp_mapped_p = e.port[b + 2]
                r.has |= RESP_MAPPED_P
            if c.start.guessed:
                r.has |= GUESSED
            if c.ended == 1:
                if c.end.has & HAS_TS:
                    r.last_ns = c.end.ts
                    r.has |= LAST
                if c.end.has & HAS_DURATION:
                    r.duration_s = c.end.duration_s
                    r.has |= DURATION
                if c.end.has & HAS_BYTES:
                    r.bytes = c.end.bytes
                    r.has |= BYTES
                if c.end.words < <uint64_t>len(reasons):
                    r.reason = reasons[c.end.words]
            when = r.first_ns if r.has & FIRST else r.last_ns if r.has & LAST else NEVER
            r.begin, r.row = when if r.has & (FIRST | LAST) else 0, c.start.row
            r.orig_h, r.resp_h = number_of(&hosts, e.host[a]), number_of(&hosts, e.host[b])
            r.orig_mapped_h = number_of(&hosts, e.host[a + 2])
            r.resp_mapped_h = number_of(&hosts, e.host[b + 2])
            r.device = <uint32_t>devices[c.start.device]
            p = put(&text[0], &names, c.start.device)
            p[0] = b"|"
            p = put_host(p + 1, &hosts, e.host[a])
            p[0] = b"|"
            p = put_host(p + 1, &hosts, e.host[b])
            r.name = chained(chained(0, blake2b(&text[0], p - &text[0])), <uint64_t>r.number)
            r.name = chained(chained(r.name, <uint64_t>when), near_key(r, &hosts, e, a, b))
            r.verdict = r.again = 0


def plain_ids(const uint64_t[::1] names, const uint32_t[::1] again):
    """Ids (`naming.ids`) as Parquet writes text: its length in four bytes before it.  `again`:
    how often the same letters came before, plus one; 0 where they never did."""
    cdef Py_ssize_t i, count = names.shape[0], size = count * (LENGTH + 4)
    cdef int k, digits
    cdef uint32_t left
    if again.shape[0] != count:
        raise ValueError("as many as there are names")
    for i in range(count):
        size += 10 if again[i] else 0
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(out)
    cdef uint8_t* p = start
    with nogil:
        for i in range(count):
            digits = 0
            left = again[i]
            while left:
                digits += 1
                left //= 10
            p[0], p[1], p[2], p[3] = <uint8_t>(LENGTH + digits), 0, 0, 0
            p += 4
            for k in range(LENGTH):
                p[k] = ALPHABET[names[i] >> 5 * k & 31]
            p += LENGTH
            left = again[i]
            for k in range(digits):
                p[digits - 1 - k] = <uint8_t>(c"0" + left % 10)
                left //= 10
            p += digits
    return out[: p - start]
