"""Kernel: the records of pcap and pcapng data to rows of tables.SEGMENT, a buffer at a time.
Mirrors walk.py, stamps.py and fragments.py; names and reasons are explained there."""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove, memset

from finis.wire._bytes cimport be16, be32, u16, u32
from finis.wire._decode cimport Extra, decode_frame
from finis.wire._payload cimport fingerprint
from finis.wire.segment cimport Segment

from finis.tables import SEGMENT, record_dtype
from finis.wire.captures._api import BATCH
from finis.wire.source import APART as _APART, SHOWN
from finis.wire.walk import MAX_BLOCK, MAX_CAPTURED, SIDE, settle

# walk.Stop
cdef enum:
    STOP_DATA, STOP_FULL, STOP_POINT, STOP_BLOCK, STOP_CORRUPT
    WALK_ON = -1

# outcomes.Outcome
cdef enum:
    TCP = 0
    FRAGMENT = 1
    NO_INTERFACE = 17
    BAD_RECORD = 18
    BAD_STAMP = 19
    NO_STAMP = 20
    OUTCOMES = 21

cdef enum:
    UNDATED = 1 << 16
    REASSEMBLED = 1 << 14
    FRAGMENT_MISSING = 1 << 15
    ETHERNET = 1
    LINUX_SLL2 = 276
    MAX_POINTS = 256
    MAX_HELD = 32
    MAX_AGE_FRAMES = 4096
    FIRST_SHOWN = 5  # source.SHOWN
    FIELDS = 8  # of an interface, in the order of add_interface

cdef uint32_t APART = _APART
cdef int64_t SECOND_NS = 1000000000
cdef int64_t MAX_AGE_NS = 30 * SECOND_NS
cdef uint32_t FIRST_SIDE = SIDE


cdef struct Interface:
    int64_t linktype
    int64_t point
    int64_t snaplen
    uint64_t multiply
    uint64_t divide
    int64_t bits
    uint64_t limit
    int64_t offset_ns


cdef int64_t stamp_ns(const Interface* interface, uint64_t ticks) noexcept nogil:
    cdef int64_t bits = interface.bits
    cdef int64_t coarse
    cdef uint64_t fraction
    if bits < 0:
        return <int64_t>(ticks * interface.multiply // interface.divide) + interface.offset_ns
    coarse = bits - 34 if bits > 34 else 0
    fraction = (ticks & ((<uint64_t>1 << bits) - 1)) >> coarse
    fraction = fraction * <uint64_t>SECOND_NS >> (bits - coarse)
    return <int64_t>((ticks >> bits) * <uint64_t>SECOND_NS + fraction) + interface.offset_ns


cdef struct Held:
    uint64_t src_hi
    uint64_t src_lo
    uint64_t dst_hi
    uint64_t dst_lo
    uint32_t ident
    bint has_row
    int64_t ts_ns
    int64_t frame
    int64_t first_len
    int64_t total
    int64_t received
    uint32_t start_len
    uint8_t[64] start
    Segment row


cdef inline bint same_key(const Held* held, const Segment* row, uint32_t ident) noexcept nogil:
    return (held.src_lo == row.src_lo and held.dst_lo == row.dst_lo and held.ident == ident
            and held.src_hi == row.src_hi and held.dst_hi == row.dst_hi)


cdef inline bint same_hosts(const Held* held, const Segment* row) noexcept nogil:
    return (
        held.src_lo == row.src_lo and held.dst_lo == row.dst_lo
        and held.src_hi == row.src_hi and held.dst_hi == row.dst_hi
    ) or (
        held.src_lo == row.dst_lo and held.dst_lo == row.src_lo
        and held.src_hi == row.dst_hi and held.dst_hi == row.src_hi
    )


cdef inline uint64_t link(uint16_t vlan, const uint8_t* address) noexcept nogil:
    """A link address and its VLAN as one number."""
    return <uint64_t>vlan << 48 | <uint64_t>be16(address) << 32 | be32(address + 2)


cdef class Decoder:
    """See walk.FrameDecoder."""

    cdef readonly int file
    cdef public int64_t frames
    cdef object _arrays
    cdef object _rows
    cdef object _interfaces
    cdef object _points
    cdef uint8_t[::1] _rows_view
    cdef uint64_t[:, ::1] _interfaces_view
    cdef int64_t[:, ::1] _points_view
    cdef const uint64_t[:, ::1] _sides  # link, side
    cdef Segment* out
    cdef int64_t n, full, used, n_interfaces, n_points, n_sides, at
    cdef bint big, has_last
    cdef uint32_t apart
    cdef uint32_t header_len, max_len, max_block
    cdef int64_t tick_ns, last_ns, first_seen, last_seen
    cdef uint32_t wanted_interface, wanted_ifindex
    cdef uint64_t[OUTCOMES] counts
    cdef int64_t[OUTCOMES][FIRST_SHOWN] first
    cdef int n_held
    cdef Held[MAX_HELD] held

    def __init__(self, int file, arrays):
        assert SHOWN == FIRST_SHOWN
        dtype = record_dtype(SEGMENT)
        assert dtype.itemsize == sizeof(Segment)
        self.file = file
        self._arrays = arrays
        self._next_array()
        self.full = BATCH - MAX_HELD - 1
        self._interfaces = np.zeros((16, FIELDS), np.uint64)
        self._interfaces_view = self._interfaces
        self._points = np.zeros((MAX_POINTS, 3), np.int64)
        self._points_view = self._points
        self.header_len, self.tick_ns, self.max_len = 16, 1000, MAX_CAPTURED
        self.max_block = MAX_BLOCK
        self.first_seen, self.last_seen = 1, 0  # nothing yet

    # --- settings ------------------------------------------------------------------------

    def set_pcap(self, bint big_endian, uint32_t header_len, int64_t tick_ns, uint32_t max_len):
        self.big = big_endian
        self.header_len, self.tick_ns, self.max_len = header_len, tick_ns, max_len

    def set_section(self, bint big_endian):
        self.big = big_endian
        self.n_interfaces = self.n_points = 0

    def add_interface(self, interface):
        if self.n_interfaces == len(self._interfaces):
            grown = np.zeros((2 * len(self._interfaces), FIELDS), np.uint64)
            grown[: self.n_interfaces] = self._interfaces
            self._interfaces = grown
            self._interfaces_view = grown
        linktype, point, snaplen, stamp = interface
        fields = (linktype, point, snaplen, *stamp)
        self._interfaces[self.n_interfaces] = [value & 0xFFFFFFFFFFFFFFFF for value in fields]
        self.n_interfaces += 1

    def add_point(self, interface, ifindex, point):
        self._points[self.n_points] = (interface, ifindex, point)
        self.n_points += 1

    def set_sides(self, sides):
        known = [(vlan << 48 | int.from_bytes(address, "big"), side)
                 for (vlan, address), side in sides.items()]
        self._sides = np.array(known, np.uint64).reshape(-1, 2)
        self.n_sides = len(known)

    @property
    def wanted(self):
        return self.wanted_interface, self.wanted_ifindex

    # --- results -------------------------------------------------------------------------

    def take(self):
        rows = self._rows[: self.n]
        self.n = self.apart = 0
        self._next_array()
        return rows

    def _next_array(self):
        self._rows = self._arrays.next()
        self._rows_view = self._rows.view(np.uint8).reshape(-1)
        self.out = <Segment*>&self._rows_view[0]

    def flush(self):
        while self.n_held:
            self.release(0)

    def settle(self, source):
        cdef int i, j
        counts = [self.counts[i] for i in range(OUTCOMES)]
        first = [[self.first[i][j] for j in range(FIRST_SHOWN)] for i in range(OUTCOMES)]
        settle(source, counts, first)
        memset(&self.counts[0], 0, sizeof(self.counts))
        memset(&self.first[0][0], 0, sizeof(self.first))
        source.rows = self.frames
        source.used = self.used
        source.mixed = self.apart != 0
        if self.first_seen <= self.last_seen:
            source.seen(self.first_seen)
            source.seen(self.last_seen)

    # --- walking -------------------------------------------------------------------------

    def walk_pcap(self, const uint8_t[::1] data, int64_t at):
        cdef int stop
        cdef int64_t size = data.shape[0]
        cdef const uint8_t* p = &data[0] if size else NULL
        with nogil:
            stop = self.pcap(p, size, at)
        return stop, self.at

    def walk_pcapng(self, const uint8_t[::1] data, int64_t at):
        cdef int stop
        cdef int64_t size = data.shape[0]
        cdef const uint8_t* p = &data[0] if size else NULL
        with nogil:
            stop = self.pcapng(p, size, at)
        return stop, self.at

    cdef int pcap(self, const uint8_t* data, int64_t size, int64_t at) noexcept nogil:
        cdef const uint8_t* p
        cdef uint32_t captured, wire_len, seconds, part
        cdef bint big = self.big
        cdef const Interface* interface = <const Interface*>&self._interfaces_view[0, 0]
        while True:
            self.at = at
            if at + self.header_len > size:
                return STOP_DATA
            if self.n >= self.full:
                return STOP_FULL
            p = data + at
            seconds = u32(p, big)
            part = u32(p + 4, big)
            captured = u32(p + 8, big)
            wire_len = u32(p + 12, big)
            if captured > self.max_len or not (captured | wire_len):
                return STOP_CORRUPT
            if at + self.header_len + captured > size:
                return STOP_DATA
            if not self.take_frame(
                p + self.header_len, captured, wire_len, interface, 0,
                seconds * SECOND_NS + part * self.tick_ns, TCP,
            ):
                return STOP_POINT
            at += self.header_len + captured

    cdef int pcapng(self, const uint8_t* data, int64_t size, int64_t at) noexcept nogil:
        cdef const uint8_t* p
        cdef uint32_t kind, length
        cdef bint big = self.big
        cdef bint done
        while True:
            self.at = at
            if at + 12 > size:
                return STOP_DATA
            if self.n >= self.full:
                return STOP_FULL
            p = data + at
            kind = u32(p, big)
            length = u32(p + 4, big)
            if kind == 0x0A0D0D0A or kind == 1 or kind == 5:
                return STOP_BLOCK
            if length < 12 or length % 4:
                return STOP_CORRUPT
            if length > self.max_block:
                return STOP_BLOCK
            if at + length > size:
                return STOP_DATA
            if u32(p + length - 4, big) != length:
                return STOP_CORRUPT
            done = True
            if kind == 6:
                done = self.block(p + 8, length - 12, u32(p + 8, big) if length >= 32 else 0)
            elif kind == 2:
                done = self.block(p + 8, length - 12, u16(p + 8, big) if length >= 32 else 0)
            elif kind == 3:
                done = self.simple(p + 8, length - 12)
            if not done:
                return STOP_POINT
            at += length

    cdef bint block(self, const uint8_t* body, uint32_t size, uint32_t number) noexcept nogil:
        cdef uint32_t captured, wire_len
        cdef uint64_t ticks
        cdef const Interface* interface
        cdef bint big = self.big
        if size < 20:
            return self.bad(BAD_RECORD)
        captured = u32(body + 12, big)
        wire_len = u32(body + 16, big)
        if captured > size - 20:
            return self.bad(BAD_RECORD)
        if number >= self.n_interfaces:
            return self.bad(NO_INTERFACE)
        interface = <const Interface*>&self._interfaces_view[number, 0]
        ticks = <uint64_t>u32(body + 4, big) << 32 | u32(body + 8, big)
        if ticks > interface.limit:
            return self.take_frame(body + 20, captured, wire_len, interface, number, 0, BAD_STAMP)
        return self.take_frame(
            body + 20, captured, wire_len, interface, number, stamp_ns(interface, ticks), TCP
        )

    cdef bint simple(self, const uint8_t* body, uint32_t size) noexcept nogil:
        cdef uint32_t wire_len, captured
        cdef const Interface* interface = <const Interface*>&self._interfaces_view[0, 0]
        if size < 4:
            return self.bad(BAD_RECORD)
        if self.n_interfaces == 0:
            return self.bad(NO_INTERFACE)
        wire_len = u32(body, self.big)
        captured = wire_len if wire_len < size - 4 else size - 4
        if interface.snaplen and captured > interface.snaplen:
            captured = <uint32_t>interface.snaplen
        return self.take_frame(body + 4, captured, wire_len, interface, 0, 0, NO_STAMP)

    # --- frames --------------------------------------------------------------------------

    cdef bint bad(self, int outcome) noexcept nogil:
        self.frames += 1
        self.count(outcome)
        return True

    cdef void count(self, int outcome) noexcept nogil:
        if self.counts[outcome] < FIRST_SHOWN:
            self.first[outcome][self.counts[outcome]] = self.frames
        self.counts[outcome] += 1

    cdef int64_t point_of(self, const Interface* interface, uint32_t number, uint32_t ifindex) noexcept nogil:
        """-1: not known yet, `wanted` says which."""
        cdef int64_t i
        for i in range(self.n_points):
            if self._points_view[i, 1] == ifindex and self._points_view[i, 0] == number:
                return self._points_view[i, 2]
        if self.n_points >= MAX_POINTS:
            return interface.point
        self.wanted_interface = number
        self.wanted_ifindex = ifindex
        return -1

    cdef uint32_t side_of(self, const uint8_t* data, uint16_t vlan) noexcept nogil:
        """That of the sender, or else of the receiver."""
        cdef uint64_t sender = link(vlan, data + 6), receiver = link(vlan, data)
        cdef int64_t i
        for i in range(self.n_sides):
            if self._sides[i, 0] == sender:
                return <uint32_t>self._sides[i, 1]
        for i in range(self.n_sides):
            if self._sides[i, 0] == receiver:
                return <uint32_t>self._sides[i, 1]
        return FIRST_SIDE

    cdef bint take_frame(
        self, const uint8_t* data, uint32_t captured, uint32_t wire_len,
        const Interface* interface, uint32_t number, int64_t ts_ns, int missing,
    ) noexcept nogil:
        """`missing` TCP: `ts_ns` is good, else why there is none."""
        cdef Segment* row = self.out + self.n
        cdef Extra extra
        cdef int outcome = decode_frame(data, captured, wire_len, <int>interface.linktype, row, &extra)
        cdef int64_t point = interface.point
        cdef bint undated = False
        cdef bint cooked = interface.linktype == LINUX_SLL2
        cdef bint sides = self.n_sides and interface.linktype == ETHERNET
        if outcome == TCP and (cooked or sides):
            if sides:
                extra.ifindex = self.side_of(data, row.vlan)
            point = self.point_of(interface, number, extra.ifindex)
            if point < 0:
                return False
        self.frames += 1
        if missing != TCP:
            undated = not self.has_last
            self.count(missing)
            ts_ns = self.last_ns
        else:
            self.has_last = True
            self.last_ns = ts_ns
            if self.first_seen > self.last_seen:
                self.first_seen = self.last_seen = ts_ns
            elif ts_ns < self.first_seen:
                self.first_seen = ts_ns
            elif ts_ns > self.last_seen:
                self.last_seen = ts_ns
        if outcome != TCP:
            self.count(outcome)
            return True
        row.ts_ns = ts_ns
        row.frame = <uint32_t>self.frames
        row.file = <uint16_t>self.file
        row.point = <uint16_t>point
        if undated:
            row.quirks |= UNDATED
        if self.n_held or extra.fragment:
            self.with_fragments(data, row, &extra)
        else:
            self.passed(row)
        return True

    cdef inline void passed(self, const Segment* row) noexcept nogil:
        """It stands where it belongs."""
        self.n += 1
        self.used += 1
        self.apart |= (row.quirks & APART) | (row.point ^ self.out.point)

    # --- fragments -----------------------------------------------------------------------

    cdef void emit(self, const Segment* row) noexcept nogil:
        self.out[self.n] = row[0]
        self.passed(row)

    cdef void drop(self, int i) noexcept nogil:
        self.n_held -= 1
        if i < self.n_held:
            memmove(&self.held[i], &self.held[i + 1], (self.n_held - i) * sizeof(Held))

    cdef void release(self, int i) noexcept nogil:
        """Held.lower_bound, and forget it."""
        cdef Held* held = &self.held[i]
        if held.has_row:
            held.row.quirks |= FRAGMENT_MISSING
            held.row.payload_hash = fingerprint(held.start, held.start_len, held.row.payload_len)
            self.emit(&held.row)
        self.drop(i)

    cdef void with_fragments(self, const uint8_t* data, Segment* at_hand, Extra* extra) noexcept nogil:
        cdef Segment row = at_hand[0]  # where it stands, released rows are about to be written
        cdef int i = 0
        cdef Held* held
        cdef int64_t age
        while i < self.n_held:
            held = &self.held[i]
            age = row.ts_ns - held.ts_ns
            if age > MAX_AGE_NS or age < -MAX_AGE_NS or self.frames - held.frame > MAX_AGE_FRAMES:
                self.release(i)
            else:
                i += 1
        if extra.fragment:
            if extra.at:
                self.count(FRAGMENT)
            self.add_fragment(data, &row, extra)
            return
        i = 0
        while i < self.n_held:
            if self.held[i].has_row and same_hosts(&self.held[i], &row):
                self.release(i)
            else:
                i += 1
        self.emit(&row)

    cdef void add_fragment(self, const uint8_t* data, const Segment* row, const Extra* extra) noexcept nogil:
        cdef int i = 0
        cdef Held* held
        cdef int64_t grown
        if not extra.at:
            while i < self.n_held:
                if self.held[i].has_row and same_key(&self.held[i], row, extra.ident):
                    self.release(i)
                else:
                    i += 1
        i = 0
        while i < self.n_held and not same_key(&self.held[i], row, extra.ident):
            i += 1
        if i == self.n_held:
            if self.n_held >= MAX_HELD:
                self.release(0)
                i -= 1
            held = &self.held[i]
            memset(held, 0, sizeof(Held))
            held.src_hi, held.src_lo = row.src_hi, row.src_lo
            held.dst_hi, held.dst_lo = row.dst_hi, row.dst_lo
            held.ident = extra.ident
            held.ts_ns = row.ts_ns
            held.frame = self.frames
            self.n_held += 1
        held = &self.held[i]
        if not extra.at:
            held.row = row[0]
            held.has_row = True
            held.start_len = extra.start_len
            memcpy(held.start, data + extra.start_at, extra.start_len)
            held.first_len = extra.length
        held.received += extra.length
        if not extra.more:
            held.total = <int64_t>extra.at + extra.length
        if not held.has_row or not held.total or held.received < held.total:
            return
        grown = held.total - held.first_len
        if grown < 0:
            return
        held.row.payload_len += <uint32_t>grown
        held.row.ip_len += <uint32_t>grown
        held.row.quirks |= REASSEMBLED
        held.row.payload_hash = fingerprint(held.start, held.start_len, held.row.payload_len)
        self.emit(&held.row)
        self.drop(i)
