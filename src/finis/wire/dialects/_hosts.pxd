# IPv6 addresses of a log: read, and numbered in the order in which they are met.  The texts of new
# ones are made when somebody looks (`_learning.pxi`), in the form of RFC 5952.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from finis.wire.dialects._memo cimport finis_mix
from finis.wire.dialects._values cimport ipv4

cdef extern from *:
    """
    #include <stdint.h>
    /* By byte: the value of a hexadecimal digit; 16 for what else an address is written with. */
    #define FINIS_SIXTEEN(n) n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n
    static const uint8_t FINIS_HEX[256] = {
        FINIS_SIXTEEN(99), FINIS_SIXTEEN(99),
        99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 16, 99,
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 99, 99, 99, 99, 99,
        99, 10, 11, 12, 13, 14, 15, 99, 99, 99, 99, 99, 99, 99, 99, 99, FINIS_SIXTEEN(99),
        99, 10, 11, 12, 13, 14, 15, 99, 99, 99, 99, 99, 99, 99, 99, 99, FINIS_SIXTEEN(99),
        FINIS_SIXTEEN(99), FINIS_SIXTEEN(99), FINIS_SIXTEEN(99), FINIS_SIXTEEN(99),
        FINIS_SIXTEEN(99), FINIS_SIXTEEN(99), FINIS_SIXTEEN(99), FINIS_SIXTEEN(99)
    };
    static const uint8_t FINIS_DIGIT[17] = "0123456789abcdef";
    """
    const uint8_t FINIS_HEX[256]
    const uint8_t FINIS_DIGIT[17]

cdef enum:
    ADDRESSES = 1 << 18  # held at most: those of a book that is full, and of a batch
    CELLS = 2 * ADDRESSES
    LONGEST_IPV6 = 45  # characters: six groups and an IPv4 address
    GROUPS = 8

cdef struct Address:
    uint64_t high
    uint64_t low

cdef struct Hosts:
    Address* addresses
    uint32_t* codes  # of each address, in the book
    uint32_t* cells  # place of an address + 1; 0: free
    uint32_t count
    uint32_t told  # those before this one are in the book
    uint32_t next_code  # of the book
    uint64_t seed  # nobody outside knows which addresses collide


cdef inline int hosts_open(Hosts* hosts, uint64_t seed) noexcept:
    """-1: no memory."""
    memset(hosts, 0, sizeof(Hosts))
    hosts.seed = seed | 1
    hosts.addresses = <Address*>calloc(ADDRESSES, sizeof(Address))
    hosts.codes = <uint32_t*>calloc(ADDRESSES, sizeof(uint32_t))
    hosts.cells = <uint32_t*>calloc(CELLS, sizeof(uint32_t))
    return -1 if hosts.addresses == NULL or hosts.codes == NULL or hosts.cells == NULL else 0


cdef inline void hosts_close(Hosts* hosts) noexcept:
    free(hosts.addresses)
    free(hosts.codes)
    free(hosts.cells)


cdef inline void hosts_clear(Hosts* hosts) noexcept:
    """A new book begins."""
    if hosts.count:  # else nothing was written
        memset(hosts.cells, 0, CELLS * sizeof(uint32_t))
    hosts.count = hosts.told = hosts.next_code = 0


cdef inline uint32_t* cell_of(const Hosts* hosts, const Address* address) noexcept nogil:
    """Where an address stands, or should."""
    cdef uint64_t i = finis_mix(address.high ^ hosts.seed, address.low ^ <uint64_t>0x9E3779B97F4A7C15)
    cdef const Address* known
    while True:
        i &= CELLS - 1
        if hosts.cells[i] == 0:
            return &hosts.cells[i]
        known = &hosts.addresses[hosts.cells[i] - 1]
        if known.low == address.low and known.high == address.high:
            return &hosts.cells[i]
        i += 1


cdef inline int64_t code_of(Hosts* hosts, const Address* address) noexcept nogil:
    """The code of an address in the book, given to it if it has none; -1: there is no room."""
    cdef uint32_t* cell = cell_of(hosts, address)
    if cell[0] == 0:
        if hosts.count == ADDRESSES:
            return -1
        hosts.addresses[hosts.count], hosts.codes[hosts.count] = address[0], hosts.next_code
        hosts.count += 1
        hosts.next_code += 1
        cell[0] = hosts.count
    return hosts.codes[cell[0] - 1]


cdef inline bint host_like(uint8_t c) noexcept nogil:
    """May an address be written with it?"""
    return FINIS_HEX[c] <= 16


cdef inline const uint8_t* ipv6(const uint8_t* p, Address* out) noexcept nogil:
    """Past the address (RFC 4291, without a zone), as long as it may be; NULL if it is none.  At
    most LONGEST_IPV6 bytes are read, and some."""
    cdef const uint8_t* group
    cdef const uint8_t* q
    cdef uint16_t groups[GROUPS]
    cdef int n = 0, gap = -1, i
    cdef uint32_t value
    cdef int64_t dotted
    if p[0] == b":":
        if p[1] != b":":
            return NULL
        gap = 0
        p += 2
    while n < GROUPS:
        group = p
        value = 0
        while FINIS_HEX[p[0]] < 16 and p - group < 5:
            value = value << 4 | FINIS_HEX[p[0]]
            p += 1
        if p == group:  # nothing after "::"
            if gap != n:
                return NULL
            break
        if p[0] == b".":
            q = ipv4(group, &dotted)
            if q == NULL or n > GROUPS - 2:
                return NULL
            p = q
            groups[n], groups[n + 1] = <uint16_t>(dotted >> 16), <uint16_t>dotted
            n += 2
            break
        if p - group > 4:
            return NULL
        groups[n] = <uint16_t>value
        n += 1
        if p[0] != b":" or n == GROUPS:
            break
        p += 1
        if p[0] == b":":
            if gap >= 0:
                return NULL
            gap = n
            p += 1
    if host_like(p[0]) or p[0] == b"%" or (n < GROUPS) != (gap >= 0):
        return NULL
    out.high = out.low = 0
    for i in range(n):
        place_group(out, i if gap < 0 or i < gap else i + GROUPS - n, groups[i])
    return p


cdef inline const uint8_t* host_word(
    Hosts* hosts, const uint8_t* p, uint64_t* word
) noexcept nogil:
    """Past the address, NULL if there is none or no room for it.  `word`: as in `_packed`."""
    cdef int64_t value = 0
    cdef Address address
    cdef const uint8_t* q = ipv4(p, &value)
    if q != NULL:
        word[0] = <uint64_t>1 << 32 | <uint64_t>value
        return q
    q = ipv6(p, &address)
    if q != NULL:
        value = code_of(hosts, &address)
        if value < 0:
            return NULL
        word[0] = (<uint64_t>2 << 32) + <uint64_t>value
    return q


cdef inline void place_group(Address* out, int i, uint64_t group) noexcept nogil:
    if i < GROUPS // 2:
        out.high |= group << (48 - 16 * i)
    else:
        out.low |= group << (112 - 16 * i)


cdef inline uint16_t group_at(const Address* address, int i) noexcept nogil:
    return <uint16_t>(
        address.high >> (48 - 16 * i) if i < GROUPS // 2 else address.low >> (112 - 16 * i)
    )


cdef inline bint holds_ipv4(const Address* address) noexcept nogil:
    """Is its last part an IPv4 address, as versions of Python write differently?"""
    return address.high == 0 and address.low >> 32 == 0xFFFF


cdef inline int compressed(const Address* address, uint8_t* out) noexcept nogil:
    """Write it in the form of RFC 5952, without an IPv4 part: how many bytes, at most 39."""
    cdef int i, run = 0, start = -1, length = 1, shift
    cdef uint16_t group
    cdef uint8_t* p = out
    for i in range(GROUPS):  # the first of the longest runs of zeros, not of one
        run = run + 1 if group_at(address, i) == 0 else 0
        if run > length:
            start, length = i + 1 - run, run
    i = 0
    while i < GROUPS:
        if i == start:
            p[0] = p[1] = b":"
            p += 2
            i += length
            continue
        if i and i != start + length:
            p[0] = b":"
            p += 1
        group = group_at(address, i)
        shift = 12
        while shift and group >> shift == 0:
            shift -= 4
        while shift >= 0:
            p[0] = FINIS_DIGIT[group >> shift & 15]
            p += 1
            shift -= 4
        i += 1
    return <int>(p - out)
