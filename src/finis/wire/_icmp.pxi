# Part of _decode.pyx; mirrors icmp.py.

cdef int quoted(
    const uint8_t* data, uint32_t size, uint32_t at, uint32_t vlan, int outcome, Segment* row
) noexcept nogil:
    """TCP: `row` is filled in, else the outcome as it was."""
    cdef const uint8_t* p = data + at
    cdef uint32_t here, inner, segment, mtu = 0
    cdef bint is_v4 = outcome == ICMP
    if is_v4:
        if be16(p + 6) & 0x3FFF:
            return outcome
        here = at + (p[0] & 15) * 4
    else:
        if p[6] != 58:
            return outcome
        here = at + 40
    inner = here + 8
    if size < inner + 20:
        return outcome
    memset(row, 0, sizeof(Segment))
    if is_v4:
        if data[here] != 3 and data[here] != 11 and data[here] != 12:
            return outcome
        segment = inner + (data[inner] & 15) * 4
        if data[inner] < 0x45 or data[inner] > 0x4F or data[inner + 9] != 6:
            return outcome
        if be16(data + inner + 6) & 0x1FFF or size < segment + 8:
            return outcome
        if data[here] == 3 and data[here + 1] == 4:
            mtu = be16(data + here + 6)
        row.src_lo = <uint64_t>0xFFFF << 32 | be32(data + inner + 12)
        row.dst_lo = <uint64_t>0xFFFF << 32 | be32(data + inner + 16)
        row.payload_hash = <uint64_t>0xFFFF << 32 | be32(p + 12)
        row.ip_len = be16(data + inner + 2)
        row.ip_id = <uint16_t>be16(data + inner + 4)
        row.ttl = p[8]
        if be16(data + inner + 6) & 0x4000:
            row.quirks = DF
    else:
        if data[here] < 1 or data[here] > 4:
            return outcome
        segment = inner + 40
        if size < segment + 8 or data[inner] >> 4 != 6 or data[inner + 6] != 6:
            return outcome
        if data[here] == 2:
            mtu = be32(data + here + 4)
            if mtu > 0xFFFF:
                mtu = 0xFFFF
        row.src_hi = be64(data + inner + 8)
        row.src_lo = be64(data + inner + 16)
        row.dst_hi = be64(data + inner + 24)
        row.dst_lo = be64(data + inner + 32)
        row.head = be64(p + 8)
        row.payload_hash = be64(p + 16)
        row.ip_len = 40 + be16(data + inner + 4)
        row.ttl = p[7]
        row.quirks = NO_IP_ID
    row.vlan = <uint16_t>vlan
    row.win = <uint16_t>(<uint32_t>data[here] << 8 | data[here + 1])
    row.mss = <uint16_t>mtu
    row.src_p = <uint16_t>be16(data + segment)
    row.dst_p = <uint16_t>be16(data + segment + 2)
    row.seq = be32(data + segment + 4)
    row.quirks |= ICMP_ERROR | NO_WIN | NO_PAYLOAD
    return TCP
