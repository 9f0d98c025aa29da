"""Kernel: one captured frame to a row of tables.SEGMENT.  Mirrors link.py, ip.py, icmp.py, tcp.py,
tunnel.py, payload.py and decode.py function by function; names and reasons are explained there."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from finis.wire._bytes cimport be16, be32, be64, le64
from finis.wire._payload cimport fingerprint, tls_tail
from finis.wire.segment cimport Segment

# outcomes.Outcome
cdef enum:
    TCP, FRAGMENT, UDP, ICMP, ICMP6, IP_OTHER, ARP, NOT_IP, PPP_CONTROL, UNKNOWN_LINK
    SHORT_LINK, BAD_LINK, SHORT_IP, BAD_IP, SHORT_TCP, BAD_TCP, NESTED

# terms.Quirk
cdef enum:
    NO_WIN = 1 << 1
    NO_IP_ID = 1 << 3
    NO_PAYLOAD = 1 << 4
    HAS_TS = 1 << 5
    HAS_WSCALE = 1 << 6
    HAS_MSS = 1 << 7
    SACK_PERMITTED = 1 << 8
    HAS_SACK = 1 << 9
    DF = 1 << 10
    IP_LEN_ZERO = 1 << 11
    OVERSIZE = 1 << 12
    BAD_CHECKSUM = 1 << 13
    BAD_OPTIONS = 1 << 19
    TRUNCATED_HEADER = 1 << 22
    HAS_MD5 = 1 << 23
    ICMP_ERROR = 1 << 24

cdef enum:
    MAX_NESTED = 8
    MAX_LABELS = 16
    MAX_ATTRIBUTES = 32
    MAX_PKTAP = 1024
    MAX_EXTENSIONS = 16
    MAX_WIRE = 1 << 24
    MTU_BYTES = 1500
    MAX_TUNNELS = 4
    MAX_GTP = 4


cdef Segment NO_SEGMENT
cdef Extra NO_EXTRA
memset(&NO_SEGMENT, 0, sizeof(Segment))
memset(&NO_EXTRA, 0, sizeof(Extra))


# --- link.py ---------------------------------------------------------------------------------

cdef struct Net:
    uint32_t at
    uint32_t vlan
    uint32_t ifindex


cdef int mpls(const uint8_t* data, uint32_t size, uint32_t at, Net* net) noexcept nogil:
    cdef int i
    cdef bint bottom
    for i in range(MAX_LABELS):
        if size < at + 4:
            return SHORT_LINK
        bottom = data[at + 2] & 1
        at += 4
        if bottom:
            if size <= at:
                return SHORT_LINK
            net.at = at
            return TCP if data[at] >> 4 == 4 or data[at] >> 4 == 6 else NOT_IP
    return NESTED


cdef int ppp(const uint8_t* data, uint32_t size, uint32_t at, Net* net) noexcept nogil:
    cdef uint32_t kind
    if size >= at + 2 and data[at] == 0xFF and data[at + 1] == 3:
        at += 2
    if size < at + 2:
        return SHORT_LINK
    if data[at] & 1:
        kind = data[at]
        at += 1
    else:
        kind = be16(data + at)
        at += 2
    if kind == 0x21 or kind == 0x57:
        net.at = at
        return TCP
    if kind == 0x281 or kind == 0x283:
        return mpls(data, size, at, net)
    return PPP_CONTROL


cdef int by_ethertype(
    const uint8_t* data, uint32_t size, uint32_t at, uint32_t kind, Net* net
) noexcept nogil:
    cdef int i
    cdef bint tagged = False
    for i in range(MAX_NESTED):
        if kind == 0x0800 or kind == 0x86DD:
            net.at = at
            return TCP
        if kind == 0x8100 or kind == 0x88A8 or kind == 0x9100:
            if size < at + 4:
                return SHORT_LINK
            if not tagged:
                net.vlan = be16(data + at) & 0xFFF
                tagged = True
            kind = be16(data + at + 2)
            at += 4
        elif kind == 0x8864:
            if size < at + 6:
                return SHORT_LINK
            if data[at] != 0x11 or data[at + 1] != 0:
                return BAD_LINK
            return ppp(data, size, at + 6, net)
        elif kind == 0x8847 or kind == 0x8848:
            return mpls(data, size, at, net)
        elif kind == 0x0806 or kind == 0x8035:
            return ARP
        elif kind < 0x600:
            if size < at + 8:
                return NOT_IP
            if data[at] == 6 and data[at + 1] == 6 and data[at + 2] == 3:
                net.at = at + 3
                return TCP
            if be32(data + at) != 0xAAAA0300U or be16(data + at + 4) != 0:
                return NOT_IP
            kind = be16(data + at + 6)
            at += 8
        else:
            return NOT_IP
    return NESTED


cdef inline bint inet6(uint32_t family) noexcept nogil:
    return family == 10 or family == 23 or family == 24 or family == 28 or family == 30


cdef inline bint inet(uint32_t family) noexcept nogil:
    return family == 2 or inet6(family)


cdef int cooked(
    const uint8_t* data, uint32_t size, uint32_t at, uint32_t kind, uint32_t arphrd, Net* net
) noexcept nogil:
    if arphrd == 824 or (kind < 0x600 and kind != 4):
        return NOT_IP
    return by_ethertype(data, size, at, kind, net)


cdef int nflog(const uint8_t* data, uint32_t size, Net* net) noexcept nogil:
    cdef uint32_t at = 4, length, kind
    cdef int i
    if size < 4:
        return SHORT_LINK
    if not inet(data[0]):
        return NOT_IP
    for i in range(MAX_ATTRIBUTES):
        if size < at + 4:
            return SHORT_LINK
        if data[at + 3] == 0:
            length = data[at] | <uint32_t>data[at + 1] << 8
            kind = data[at + 2]
        else:
            length = be16(data + at)
            kind = data[at + 3]
        if length < 4:
            return BAD_LINK
        if kind == 9:
            net.at = at + 4
            return TCP
        at += (length + 3) & ~<uint32_t>3
    return NESTED


cdef int pktap(const uint8_t* data, uint32_t size, Net* net) noexcept nogil:
    cdef uint32_t at, linktype
    if size < 12:
        return SHORT_LINK
    at = <uint32_t>le64(data, 4)
    linktype = <uint32_t>le64(data + 8, 4)
    if at < 12 or at > MAX_PKTAP:
        return BAD_LINK
    net.at = at
    if linktype == 101 or linktype == 12 or linktype == 14 or linktype == 228 or linktype == 229:
        return TCP
    if size < at + 14:
        return SHORT_LINK
    if linktype == 1:
        return by_ethertype(data, size, at + 14, be16(data + at + 12), net)
    net.at = at + 4
    return TCP if linktype == 0 else UNKNOWN_LINK


cdef int network(const uint8_t* data, uint32_t size, int linktype, Net* net) noexcept nogil:
    """TCP: `net` is filled in, else why not."""
    cdef uint32_t family
    net.at = net.vlan = net.ifindex = 0
    if linktype == 1:
        return by_ethertype(data, size, 14, be16(data + 12), net) if size >= 14 else SHORT_LINK
    if linktype == 101 or linktype == 12 or linktype == 14 or linktype == 228 or linktype == 229:
        return TCP
    if linktype == 113:
        if size < 16:
            return SHORT_LINK
        return cooked(data, size, 16, be16(data + 14), be16(data + 2), net)
    if linktype == 276:
        if size < 20:
            return SHORT_LINK
        net.ifindex = be32(data + 4)
        return cooked(data, size, 20, be16(data), be16(data + 8), net)
    if linktype == 0 or linktype == 108:
        if size < 4:
            return SHORT_LINK
        family = be32(data)
        net.at = 4
        if inet(family) or inet(<uint32_t>le64(data, 4)):
            return TCP
        return NOT_IP
    if linktype == 9 or linktype == 50:
        return ppp(data, size, 0, net)
    if linktype == 51:
        return by_ethertype(data, size, 0, 0x8864, net)
    if linktype == 104:
        return by_ethertype(data, size, 4, be16(data + 2), net) if size >= 4 else SHORT_LINK
    if linktype == 117:
        if size < 4:
            return SHORT_LINK
        net.at = (<uint32_t>data[0] + 3) & ~<uint32_t>3
        return TCP if inet(data[1]) else NOT_IP
    if linktype == 239:
        return nflog(data, size, net)
    if linktype == 258:
        return pktap(data, size, net)
    return UNKNOWN_LINK


# --- ip.py -----------------------------------------------------------------------------------

cdef struct Packet:
    uint32_t at  # of the segment
    uint32_t length  # of the segment, on the wire


cdef inline int not_tcp(uint32_t protocol) noexcept nogil:
    if protocol == 17:
        return UDP
    if protocol == 1:
        return ICMP
    return ICMP6 if protocol == 58 else IP_OTHER


cdef int v4(
    const uint8_t* data, uint32_t size, uint32_t at, uint32_t wire_len,
    Segment* row, Extra* extra, Packet* packet,
) noexcept nogil:
    cdef const uint8_t* p = data + at
    cdef uint32_t header_len, ip_len, bits
    if size < at + 20:
        return SHORT_IP
    header_len = (p[0] & 15) * 4
    ip_len = be16(p + 2)
    if ip_len == 0:
        ip_len = wire_len - at
        row.quirks |= IP_LEN_ZERO
    if header_len < 20 or ip_len < header_len:
        return BAD_IP
    if p[9] != 6:
        return not_tcp(p[9])
    bits = be16(p + 6)
    if bits & 0x4000:
        row.quirks |= DF
    if bits & 0x3FFF:
        extra.fragment = True
        extra.ident = be16(p + 4)
        extra.at = (bits & 0x1FFF) * 8
        extra.length = ip_len - header_len
        extra.more = (bits & 0x2000) != 0
    elif ip_len > MTU_BYTES:
        row.quirks |= OVERSIZE
    row.src_lo = <uint64_t>0xFFFF << 32 | be32(p + 12)
    row.dst_lo = <uint64_t>0xFFFF << 32 | be32(p + 16)
    row.ip_len = ip_len
    row.ip_id = <uint16_t>be16(p + 4)
    row.ttl = p[8]
    packet.at = at + header_len
    packet.length = ip_len - header_len
    return TCP


cdef int v6(
    const uint8_t* data, uint32_t size, uint32_t at, uint32_t wire_len,
    Segment* row, Extra* extra, Packet* packet,
) noexcept nogil:
    cdef const uint8_t* p = data + at
    cdef uint32_t payload_len, end, here, kind, step, bits
    cdef int i
    if size < at + 40:
        return SHORT_IP
    row.quirks |= NO_IP_ID
    payload_len = be16(p + 4)
    if payload_len == 0:
        payload_len = wire_len - at - 40
        row.quirks |= IP_LEN_ZERO
    end = at + 40 + payload_len
    kind = p[6]
    here = at + 40
    for i in range(MAX_EXTENSIONS):
        if kind == 6:
            break
        if not (kind == 0 or kind == 43 or kind == 60 or kind == 135 or kind == 139
                or kind == 140 or kind == 44 or kind == 51):
            return not_tcp(kind)
        if here + 8 > end:
            return BAD_IP
        if size < here + 8:
            return SHORT_IP
        step = 8 * (<uint32_t>data[here + 1] + 1)
        if kind == 51:
            step = 4 * (<uint32_t>data[here + 1] + 2)
        elif kind == 44:
            step = 8
            bits = be16(data + here + 2)
            if bits & 0xFFF9 and not extra.fragment:
                extra.fragment = True
                extra.ident = be32(data + here + 4)
                extra.at = bits & 0xFFF8
                extra.length = end - here - 8
                extra.more = bits & 1
                if extra.at and data[here] != 6:
                    return FRAGMENT
        kind = data[here]
        here += step
        if here > end:
            return BAD_IP
    else:
        return NESTED
    if not extra.fragment and end - at > MTU_BYTES:
        row.quirks |= OVERSIZE
    row.src_hi = be64(p + 8)
    row.src_lo = be64(p + 16)
    row.dst_hi = be64(p + 24)
    row.dst_lo = be64(p + 32)
    row.ip_len = end - at
    row.ttl = p[7]
    packet.at = here
    packet.length = end - here
    return TCP


include "_icmp.pxi"
include "_tunnel.pxi"

# --- tcp.py ----------------------------------------------------------------------------------

cdef void read_options(
    const uint8_t* p, uint32_t size, uint32_t wire_len, Segment* row
) noexcept nogil:
    cdef uint32_t at = 0
    cdef uint32_t kind, length
    if size == 12 and be32(p) == 0x0101080A:  # as nearly all segments have them: NOP NOP TS
        row.tsval = be32(p + 4)
        row.tsecr = be32(p + 8)
        row.quirks |= HAS_TS
        return
    while at < size:
        kind = p[at]
        if kind == 0:
            return
        if kind == 1:
            at += 1
            continue
        if at + 1 >= wire_len:
            row.quirks |= BAD_OPTIONS
            return
        if at + 1 >= size:
            return
        length = p[at + 1]
        if length < 2 or at + length > wire_len:
            row.quirks |= BAD_OPTIONS
            return
        if at + length > size:
            return
        if kind == 8 and length == 10:
            row.tsval = be32(p + at + 2)
            row.tsecr = be32(p + at + 6)
            row.quirks |= HAS_TS
        elif kind == 5 and length >= 10 and (length - 2) % 8 == 0:
            row.sack_left = be32(p + at + 2)
            row.sack_right = be32(p + at + 6)
            row.quirks |= HAS_SACK
        elif kind == 2 and length == 4:
            row.mss = <uint16_t>be16(p + at + 2)
            row.quirks |= HAS_MSS
        elif kind == 3 and length == 3:
            row.wscale = p[at + 2]
            row.quirks |= HAS_WSCALE
        elif kind == 4 and length == 2:
            row.quirks |= SACK_PERMITTED
        elif kind == 19 and length == 18:
            row.quirks |= HAS_MD5
        elif kind == 8 or (2 <= kind and kind <= 5) or kind == 19:
            row.quirks |= BAD_OPTIONS
        at += length


# --- decode.py -------------------------------------------------------------------------------

cdef inline uint32_t fold(uint64_t total) noexcept nogil:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return <uint32_t>total


cdef inline uint64_t halves(uint64_t value) noexcept nogil:
    return (value & 0xFFFF) + (value >> 16 & 0xFFFF) + (value >> 32 & 0xFFFF) + (value >> 48)


cdef uint64_t sum16(const uint8_t* p, uint32_t size) noexcept nogil:
    """Sum of big-endian 16-bit words modulo 65535.  Words are added in the machine's own order and
    width, and swapped at the end (RFC 1071 §2)."""
    cdef uint64_t total = 0
    cdef uint32_t word, i
    cdef uint32_t words = size >> 2
    cdef uint16_t probe = 1
    for i in range(words):
        memcpy(&word, p + 4 * i, 4)
        total += word
    total = fold(total)
    if (<uint8_t*>&probe)[0] == 1:
        total = (total & 0xFF) << 8 | total >> 8
    p += 4 * words
    if size & 2:
        total += be16(p)
        p += 2
    if size & 1:
        total += <uint32_t>p[0] << 8
    return total


cdef bint bad_checksum(
    const uint8_t* p, uint32_t size, bint is_v4, const Segment* row
) noexcept nogil:
    cdef uint32_t given = be16(p + 16)
    cdef uint64_t mask = <uint64_t>0xFFFFFFFF if is_v4 else ~<uint64_t>0
    cdef uint64_t pseudo = 6
    pseudo += halves(row.src_hi) + halves(row.dst_hi)
    pseudo += halves(row.src_lo & mask) + halves(row.dst_lo & mask)
    if given == 0 or given == fold(pseudo) or given == fold(pseudo + size):
        return False
    return fold(pseudo + size + sum16(p, size)) != 0xFFFF


cdef void read_payload(
    const uint8_t* data, uint32_t size, uint32_t ip_at, const Packet* packet, uint32_t header_len,
    Segment* row, Extra* extra,
) noexcept nogil:
    cdef uint32_t at = packet.at + header_len
    cdef uint32_t end = packet.at + packet.length
    cdef uint32_t captured = 0
    cdef uint32_t limit = size if size < end else end
    cdef bint is_v4 = data[ip_at] >> 4 == 4
    cdef uint32_t i
    if limit > at:
        captured = limit - at
    row.payload_len = packet.length - header_len
    if captured < row.payload_len:
        row.quirks |= NO_PAYLOAD
    extra.start_at = at
    extra.start_len = captured if captured < 64 else 64
    row.head_len = <uint8_t>(captured if captured < 8 else 8)
    if captured >= 8:
        row.head = be64(data + at)
    else:
        for i in range(captured):
            row.head |= <uint64_t>data[at + i] << (56 - 8 * i)
    if extra.fragment:
        return
    if row.payload_len:
        row.payload_hash = fingerprint(data + at, captured, row.payload_len)
        tls_tail(data + at, captured, row.payload_len, row)
    if (size >= end and packet.at - ip_at == <uint32_t>(20 if is_v4 else 40)
            and not row.quirks & (OVERSIZE | IP_LEN_ZERO)
            and bad_checksum(data + packet.at, packet.length, is_v4, row)):
        row.quirks |= BAD_CHECKSUM


cdef inline int decode_packet(
    const uint8_t* data, uint32_t size, uint32_t wire_len, const Net* net, Segment* row,
    Extra* extra,
) noexcept nogil:
    cdef Packet packet
    cdef const uint8_t* p
    cdef uint32_t bits, header_len
    cdef int outcome
    if size <= net.at:
        return SHORT_IP
    if wire_len < size or wire_len > MAX_WIRE:
        wire_len = size
    row[0] = NO_SEGMENT  # dearer as a memset, which compilers make a string instruction of
    extra[0] = NO_EXTRA
    extra.ifindex = net.ifindex
    row.vlan = <uint16_t>net.vlan
    if data[net.at] >> 4 == 4:
        outcome = v4(data, size, net.at, wire_len, row, extra, &packet)
    elif data[net.at] >> 4 == 6:
        outcome = v6(data, size, net.at, wire_len, row, extra, &packet)
    else:
        return BAD_IP
    if outcome == ICMP or outcome == ICMP6:
        extra.fragment = False  # of an ICMPv6 packet
        return quoted(data, size, net.at, net.vlan, outcome, row)
    if outcome != TCP:
        return outcome
    if extra.fragment and extra.at:
        row.quirks = 0
        return TCP
    if packet.length < 20:
        return BAD_TCP
    if size < packet.at + 14:
        return SHORT_TCP
    p = data + packet.at
    bits = be16(p + 12)
    header_len = (bits >> 12) * 4
    if header_len < 20 or header_len > packet.length:
        return BAD_TCP
    row.src_p = <uint16_t>be16(p)
    row.dst_p = <uint16_t>be16(p + 2)
    row.seq = be32(p + 4)
    row.ack = be32(p + 8)
    row.flags = bits & 0x1FF
    if size >= packet.at + 16:
        row.win = <uint16_t>be16(p + 14)
    else:
        row.quirks |= NO_WIN
    if size < packet.at + header_len:
        row.quirks |= TRUNCATED_HEADER
        if size > packet.at + 20:
            read_options(p + 20, size - packet.at - 20, header_len - 20, row)
    else:
        read_options(p + 20, header_len - 20, header_len - 20, row)
    read_payload(data, size, net.at, &packet, header_len, row, extra)
    return TCP


cdef int decode_frame(
    const uint8_t* data, uint32_t size, uint32_t wire_len, int linktype, Segment* row, Extra* extra
) noexcept nogil:
    """TCP: `row` and `extra` are filled in (`extra.at` > 0: a fragment without TCP header), else
    the outcome, of the outer packet where there are tunnels."""
    cdef Net net
    cdef int outer = TCP
    cdef int found, i
    cdef int outcome = network(data, size, linktype, &net)
    if outcome != TCP:
        return outcome
    for i in range(MAX_TUNNELS + 1):  # one place that calls it, so that it is no call
        found = decode_packet(data, size, wire_len, &net, row, extra)
        if found == TCP:
            return TCP
        if i == 0:
            outer = found
        if found != IP_OTHER and found != UDP:
            return outer
        if i == MAX_TUNNELS or not inside(data, size, &net):
            return outer
    return outer


def unpack(const uint8_t[::1] raw) -> dict:
    """Field → value of the C struct in `raw`, for the test that compares it with the table."""
    if raw.shape[0] != sizeof(Segment):
        raise ValueError("not a segment row")
    return (<const Segment*>&raw[0])[0]
