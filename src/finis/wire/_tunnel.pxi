# Part of _decode.pyx; mirrors tunnel.py.

cdef bint bare(const uint8_t* data, uint32_t size, uint32_t at, Net* net) noexcept nogil:
    if size <= at or (data[at] >> 4 != 4 and data[at] >> 4 != 6):
        return False
    net.at = at
    return True


cdef bint ethernet(const uint8_t* data, uint32_t size, uint32_t at, Net* net) noexcept nogil:
    if size < at + 14:
        return False
    return by_ethertype(data, size, at + 14, be16(data + at + 12), net) == TCP


cdef bint gre(const uint8_t* data, uint32_t size, uint32_t at, Net* net) noexcept nogil:
    cdef uint32_t flags, kind
    cdef bint numbered
    if size < at + 4:
        return False
    flags = be16(data + at)
    kind = be16(data + at + 2)
    if flags & ~<uint32_t>0xB000:
        return False
    numbered = flags & 0x1000 != 0
    at += 4 + 4 * (<uint32_t>(flags & 0x8000 != 0) + (flags & 0x2000 != 0) + numbered)
    if kind == 0x6558:
        return ethernet(data, size, at, net)
    if kind == 0x88BE:
        return ethernet(data, size, at + 8 if numbered else at, net)
    if kind == 0x22EB:
        if size < at + 12:
            return False
        return ethernet(data, size, at + 20 if data[at + 11] & 1 else at + 12, net)
    return by_ethertype(data, size, at, kind, net) == TCP


cdef bint gtp(const uint8_t* data, uint32_t size, uint32_t at, Net* net) noexcept nogil:
    cdef uint32_t flags = data[at]
    cdef uint32_t more, here = at + 8
    cdef int i
    if flags & 0xF8 != 0x30 or data[at + 1] != 0xFF:
        return False
    if not flags & 7:
        return bare(data, size, here, net)
    if size < here + 4:
        return False
    more = data[here + 3] if flags & 4 else 0
    here += 4
    for i in range(MAX_GTP):
        if not more:
            break
        if size <= here or data[here] == 0:
            return False
        here += 4 * <uint32_t>data[here]
        if size < here:
            return False
        more = data[here - 1]
    return False if more else bare(data, size, here, net)


cdef bint over_udp(const uint8_t* data, uint32_t size, uint32_t at, Net* net) noexcept nogil:
    cdef uint32_t port, kind, start
    cdef uint32_t here = at + 8
    if size < at + 16:
        return False
    port = be16(data + at + 2)
    if port == 4789 or port == 8472:
        if data[here] & 0x7F != 0x08 or data[here + 7] != 0:
            return False
        return ethernet(data, size, here + 8, net)
    if port == 6081:
        if data[here] >> 6 or data[here + 1] & 0x3F or data[here + 7]:
            return False
        kind = be16(data + here + 2)
        start = here + 8 + 4 * (<uint32_t>data[here] & 0x3F)
        if kind == 0x6558:
            return ethernet(data, size, start, net)
        return by_ethertype(data, size, start, kind, net) == TCP
    return gtp(data, size, here, net) if port == 2152 else False


cdef bint inside(const uint8_t* data, uint32_t size, Net* net) noexcept nogil:
    """`net` becomes the IP packet within the one there, if there is any."""
    cdef uint32_t protocol, here
    cdef uint32_t at = net.at
    cdef Net within
    cdef bint found = False
    if data[at] >> 4 == 4:
        if be16(data + at + 6) & 0x1FFF:
            return False
        protocol = data[at + 9]
        here = at + (data[at] & 15) * 4
    else:
        protocol = data[at + 6]
        here = at + 40
        if protocol == 60 and size >= here + 8:
            protocol = data[here]
            here += 8 * (<uint32_t>data[here + 1] + 1)
    within.at = within.vlan = within.ifindex = 0
    if protocol == 47:
        found = gre(data, size, here, &within)
    elif protocol == 17:
        found = over_udp(data, size, here, &within)
    elif protocol == 4 or protocol == 41:
        found = bare(data, size, here, &within)
    if not found:
        return False
    net.at = within.at
    if within.vlan:
        net.vlan = within.vlan
    return True
