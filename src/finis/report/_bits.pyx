"""Kernel: packed rows to columns, and these to bits of a Parquet page
(https://parquet.apache.org/docs/file-format/data-pages/encodings)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

import os

import numpy as np

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint32_t finis_spread(uint64_t number, uint64_t seed) {
        __uint128_t m = (__uint128_t)(number ^ seed) * 0x9E3779B97F4A7C15ULL;
        uint64_t x = ((uint64_t)m ^ (uint64_t)(m >> 64)) * (seed | 1);
        return (uint32_t)(x >> 32);
    }
    static inline int finis_bits(uint64_t number) {
        return number ? 64 - __builtin_clzll(number) : 0;
    }
    """
    uint32_t finis_spread(uint64_t number, uint64_t seed) noexcept nogil
    int finis_bits(uint64_t number) noexcept nogil

cdef enum:
    TILE = 64  # rows that stay in the nearest cache
    BLOCK = 128  # differences that share their least one
    MINIBLOCK = 32  # of them share their width

cdef uint32_t ABSENT = 0xFFFFFFFF
NONE = ABSENT  # in the table of `Coded`
cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")  # nobody outside knows what collides


cdef uint8_t* varint(uint8_t* p, uint64_t value) noexcept nogil:
    while value > 127:
        p[0] = <uint8_t>(value & 127 | 128)
        p += 1
        value >>= 7
    p[0] = <uint8_t>value
    return p + 1


cdef struct Bits:  # numbers one after another
    uint8_t* p  # of what is not written yet; seven bytes behind the last number may be, too
    uint64_t held
    int have  # bits of it, less than eight


cdef inline Bits put(Bits to, uint64_t number, int width) noexcept nogil:
    """With a number of `width` bits, 0 to 56.  By value, and written from a copy: what has an
    address would be read again after each byte that is written."""
    cdef uint64_t held = to.held | number << to.have
    memcpy(to.p, &held, 8)
    to.have += width
    to.p += to.have >> 3
    to.held = held >> (to.have & 56)
    to.have &= 7
    return to


cdef inline uint8_t* filled(Bits to, uint8_t* end) noexcept nogil:
    """Zeros up to there."""
    if to.p < end:
        memset(to.p, 0, end - to.p)
        to.p[0] = <uint8_t>to.held
    return end


def packed(codes, int width):
    """Numbers of `width` bits, 0 to 32 (u4), as one run of the RLE and bit-packing hybrid."""
    cdef const uint32_t[::1] numbers = np.ascontiguousarray(codes, np.uint32)
    cdef Py_ssize_t i, count = numbers.shape[0], groups = (count + 7) // 8
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 10 + groups * width + 8)
    cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(out)
    cdef uint8_t* p = start
    cdef Bits bits
    cdef uint32_t part
    cdef bint same = True
    if not 0 <= width <= 32:
        raise ValueError("no width")
    with nogil:
        for i in range(1, count):
            if numbers[i] != numbers[0]:
                same = False
                break
        if same:
            p = varint(p, <uint64_t>count << 1)
            part = numbers[0] if count else 0
            for i in range((width + 7) // 8):
                p[0] = <uint8_t>(part >> 8 * i)
                p += 1
        else:
            p = varint(p, <uint64_t>groups << 1 | 1)
            bits.p, bits.held, bits.have = p, 0, 0
            for i in range(count):
                bits = put(bits, numbers[i], width)
            # Groups are of eight numbers: what is missing in the last is zeros.
            p = filled(bits, p + groups * width)
    return out[: p - start]


def distinct(numbers, Py_ssize_t most):
    """The distinct ones of these numbers (u8) in the order in which they come, and the place of
    each number among them (u4); None if there are more than `most`."""
    cdef const uint64_t[::1] given = numbers
    cdef Py_ssize_t i, count = given.shape[0], found = 0, size = 16
    cdef uint64_t number
    cdef uint32_t at, mask
    cdef bint over = False
    while size < 2 * (min(most, count) + 1):
        size *= 2
    mask = <uint32_t>(size - 1)
    cdef uint32_t[::1] places = np.zeros(size, np.uint32)  # from 1
    unlike = np.empty(min(most, count), np.uint64)
    codes = np.empty(count, np.uint32)
    cdef uint64_t[::1] kept = unlike
    cdef uint32_t[::1] out = codes
    with nogil:
        for i in range(count):
            number = given[i]
            if i and number == given[i - 1]:
                out[i] = out[i - 1]
                continue
            at = finis_spread(number, SEED) & mask
            while places[at] and kept[places[at] - 1] != number:
                at = (at + 1) & mask
            if places[at] == 0:
                if found == kept.shape[0]:
                    over = True
                    break
                kept[found] = number
                found += 1
                places[at] = <uint32_t>found
            out[i] = places[at] - 1
    return None if over else (unlike[:found], codes)


# --- rows to columns -----------------------------------------------------------------------------


cdef struct Field:
    Py_ssize_t offset
    Py_ssize_t size  # 2, 4 or 8
    uint8_t* out


def spread(list parts, names):
    """Columns of rows that come in several arrays of one packed type: name → array.  A row is read
    once, and no bytes between its values are touched."""
    cdef Py_ssize_t count = sum(map(len, parts)), at = 0, step, i, tile, stop, have
    cdef int k, found = 0
    cdef Field fields[32]
    cdef Field* f
    cdef const uint8_t* base
    cdef const uint8_t* p
    cdef uint8_t* q
    cdef const uint8_t[::1] bytes_of
    cdef uint8_t[::1] room
    if len(names) > 32:
        raise ValueError("too many columns")
    kind = parts[0].dtype
    step = kind.itemsize
    out = {}
    for name in names:
        of, offset = kind.fields[name][:2]
        if of.itemsize not in (2, 4, 8):
            raise ValueError("not a number")
        out[name] = np.empty(count, of)
        f = &fields[found]
        f.offset, f.size, f.out = offset, of.itemsize, NULL
        if count:
            room = out[name].view(np.uint8)
            f.out = &room[0]
        found += 1
    for part in parts:
        if part.dtype != kind:
            raise ValueError("of another type")
        have = len(part)
        if have == 0:
            continue
        bytes_of = np.ascontiguousarray(part).view(np.uint8)
        base = &bytes_of[0]
        with nogil:
            tile = 0
            while tile < have:
                stop = min(tile + TILE, have)
                for k in range(found):
                    f = &fields[k]
                    p = base + tile * step + f.offset
                    q = f.out + (at + tile) * f.size
                    if f.size == 8:
                        for i in range(stop - tile):
                            memcpy(q + 8 * i, p + i * step, 8)
                    elif f.size == 4:
                        for i in range(stop - tile):
                            memcpy(q + 4 * i, p + i * step, 4)
                    else:
                        for i in range(stop - tile):
                            memcpy(q + 2 * i, p + i * step, 2)
                tile = stop
        at += have
    return out


# --- values that are there -----------------------------------------------------------------------


ctypedef fused Value:
    uint16_t
    uint64_t


def dense(values, has, uint32_t bit):
    """Which values (u2, or of eight bytes) are there, as levels (see `packed`; None: all of them),
    and these as u8.  One is there where `has` (u4) has the bit; without `has`, where it is not 0."""
    if values.dtype.itemsize == 8:
        return _dense[uint64_t](values.view(np.uint64), has, bit)
    return _dense[uint16_t](values, has, bit)


cdef _dense(const Value[::1] values, has, uint32_t bit):
    cdef Py_ssize_t i, count = values.shape[0], found = 0
    cdef bint plainly = has is None
    cdef const uint32_t[::1] marks = np.empty(0, np.uint32) if plainly else has
    if not plainly and marks.shape[0] != count:
        raise ValueError("as many as there are values")
    with nogil:
        if plainly:
            for i in range(count):
                found += values[i] != 0
        else:
            for i in range(count):
                found += (marks[i] & bit) != 0
    if found == count:
        return None, np.asarray(values).astype(np.uint64, copy=False)
    kept = np.empty(found + 1, np.uint64)  # one more, which may be written
    cdef uint64_t[::1] out = kept
    cdef Py_ssize_t groups = (count + 7) // 8
    cdef bytes levels = PyBytes_FromStringAndSize(NULL, 10 + groups + 8)
    cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(levels)
    cdef uint8_t* p = start
    cdef Bits bits
    cdef bint there
    if not found:
        p = varint(p, <uint64_t>count << 1)
        p[0] = 0
        return levels[: p + 1 - start], kept[:0]
    found = 0
    with nogil:
        p = varint(p, <uint64_t>groups << 1 | 1)
        bits.p, bits.held, bits.have = p, 0, 0
        for i in range(count):
            there = values[i] != 0 if plainly else (marks[i] & bit) != 0
            out[found] = values[i]
            found += there
            bits = put(bits, there, 1)
        p = filled(bits, p + groups)
    return levels[: p - start], kept[:found]


# --- codes -----------------------------------------------------------------------------------------


cdef class Coded:
    """A code (u4) in each row, from which columns follow: by a table (u4) that says for every code
    up to the greatest a number, or ABSENT."""

    cdef const uint32_t[::1] codes
    cdef readonly object rows  # how many have each code, up to the greatest
    cdef readonly dict known  # which values are there, as levels, by which codes have one

    def __init__(self, codes):
        self.codes = np.ascontiguousarray(codes, np.uint32)
        self.rows = np.bincount(self.codes, minlength=1)
        self.known = {}

    def __len__(self):
        return self.codes.shape[0]

    cdef const uint32_t[::1] _checked(self, table):
        if len(table) < len(self.rows):
            raise ValueError("a code that the table does not have")
        return table

    def levels(self, table):
        """Which values are there, as levels (see `packed`)."""
        said = (np.asarray(self._checked(table))[: len(self.rows)] != ABSENT).tobytes()
        if said not in self.known:
            self.known[said] = self._levels(np.frombuffer(said, np.uint8))
        return self.known[said]

    cdef bytes _levels(self, const uint8_t[::1] said):
        cdef const uint32_t[::1] codes = self.codes
        cdef Py_ssize_t i, k, count = codes.shape[0], groups = (count + 7) // 8
        cdef bytes out = PyBytes_FromStringAndSize(NULL, 10 + groups)
        cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(out)
        cdef uint8_t* p = start
        cdef uint8_t byte
        with nogil:
            p = varint(p, <uint64_t>groups << 1 | 1)
            for i in range(count // 8):
                byte = 0
                for k in range(8):
                    byte |= said[codes[8 * i + k]] << k
                p[i] = byte
            if count % 8:
                byte = 0
                for k in range(count % 8):
                    byte |= said[codes[count // 8 * 8 + k]] << k
                p[count // 8] = byte
        return out[: p + groups - start]

    def numbers(self, table, int width):
        """What the table says of the codes, without those of which it says nothing: numbers of
        `width` bits, 0 to 32, as `packed` has them."""
        cdef const uint32_t[::1] codes = self.codes, said = self._checked(table)
        cdef Py_ssize_t i, count = codes.shape[0], whole = 0, there, groups
        cdef Bits bits
        cdef uint64_t one, other, third, fourth
        cdef int end, second, last
        if not 0 <= width <= 32:
            raise ValueError("no width")
        there = self.rows[table[: len(self.rows)] != ABSENT].sum()
        groups = (there + 7) // 8
        cdef bytes out = PyBytes_FromStringAndSize(NULL, 10 + groups * width + 8)
        cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(out)
        cdef uint8_t* p = start
        with nogil:
            p = varint(p, <uint64_t>groups << 1 | 1)
            bits.p, bits.held, bits.have = p, 0, 0
            if width <= 14:  # four at a time: they hang on each other less
                whole = count // 4 * 4
            for i in range(0, whole, 4):
                one, other = said[codes[i]], said[codes[i + 1]]
                third, fourth = said[codes[i + 2]], said[codes[i + 3]]
                end = width if one != ABSENT else 0
                second = end + (width if other != ABSENT else 0)
                last = second + (width if third != ABSENT else 0)
                one = (
                    (one if one != ABSENT else 0) | (other if other != ABSENT else 0) << end
                    | (third if third != ABSENT else 0) << second
                    | (fourth if fourth != ABSENT else 0) << last
                )
                bits = put(bits, one, last + (width if fourth != ABSENT else 0))
            for i in range(whole, count):
                one = said[codes[i]]
                bits = put(bits, one if one != ABSENT else 0, width if one != ABSENT else 0)
            p = filled(bits, p + groups * width)
        return out[: p - start]


# --- numbers that grow -----------------------------------------------------------------------------


def delta(const int64_t[::1] numbers):
    """Numbers as DELTA_BINARY_PACKED: blocks of BLOCK differences, each in as few bits as the
    greatest of MINIBLOCK of them needs.  For numbers that lie less than 2⁴⁸ apart."""
    cdef Py_ssize_t i, count = numbers.shape[0], at, length, blocks
    cdef uint64_t differences[BLOCK]
    cdef uint64_t least, most
    cdef Bits bits
    cdef int k, width
    cdef bint over = False
    blocks = (max(count - 1, 0) + BLOCK - 1) // BLOCK
    scratch = np.empty(40 + blocks * (10 + BLOCK // MINIBLOCK + BLOCK * 7) + 8, np.uint8)
    cdef uint8_t[::1] room = scratch
    cdef uint8_t* start = &room[0]
    cdef uint8_t* p = start
    cdef uint8_t* widths
    with nogil:
        p = varint(p, BLOCK)
        p = varint(p, BLOCK // MINIBLOCK)
        p = varint(p, <uint64_t>count)
        p = varint(p, zigzag(numbers[0] if count else 0))
        at = 1
        while at < count:
            length = min(BLOCK, count - at)
            least = <uint64_t>numbers[at] - <uint64_t>numbers[at - 1]
            for i in range(length):
                differences[i] = <uint64_t>numbers[at + i] - <uint64_t>numbers[at + i - 1]
                if <int64_t>differences[i] < <int64_t>least:
                    least = differences[i]
            for i in range(BLOCK):
                differences[i] = differences[i] - least if i < length else 0
            p = varint(p, zigzag(<int64_t>least))
            widths = p
            p += BLOCK // MINIBLOCK
            for k in range(BLOCK // MINIBLOCK):
                widths[k] = 0
                if k * MINIBLOCK >= length:
                    continue
                most = 0
                for i in range(k * MINIBLOCK, (k + 1) * MINIBLOCK):
                    most |= differences[i]
                width = finis_bits(most)
                if width > 56:
                    over = True
                    break
                widths[k] = <uint8_t>width
                bits.p, bits.held, bits.have = p, 0, 0
                for i in range(k * MINIBLOCK, (k + 1) * MINIBLOCK):
                    bits = put(bits, differences[i], width)
                p = bits.p  # whole bytes
            if over:
                break
            at += length
    if over:
        raise ValueError("too far apart")
    return scratch[: p - start].tobytes()


cdef inline uint64_t zigzag(int64_t number) noexcept nogil:
    return <uint64_t>number << 1 ^ <uint64_t>(number >> 63)
