"""Kernel: bits of a Parquet page (https://parquet.apache.org/docs/file-format/data-pages/encodings)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

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
    """
    uint32_t finis_spread(uint64_t number, uint64_t seed) noexcept nogil

cdef uint64_t SEED = int.from_bytes(os.urandom(8), "little")  # nobody outside knows what collides


cdef uint8_t* varint(uint8_t* p, uint64_t value) noexcept nogil:
    while value > 127:
        p[0] = <uint8_t>(value & 127 | 128)
        p += 1
        value >>= 7
    p[0] = <uint8_t>value
    return p + 1


def packed(codes, int width):
    """Numbers of `width` bits, 0 to 32 (u4), as one run of the RLE and bit-packing hybrid."""
    cdef const uint32_t[::1] numbers = np.ascontiguousarray(codes, np.uint32)
    cdef Py_ssize_t i, count = numbers.shape[0], groups = (count + 7) // 8
    cdef bytes out = PyBytes_FromStringAndSize(NULL, 10 + groups * width + 8)
    cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(out)
    cdef uint8_t* p = start
    cdef uint64_t bits = 0
    cdef uint32_t part
    cdef int have = 0
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
            memset(p, 0, groups * width + 8)
            for i in range(count):
                bits |= <uint64_t>numbers[i] << have
                have += width
                while have >= 8:
                    p[0] = <uint8_t>bits
                    p += 1
                    bits >>= 8
                    have -= 8
            if have:
                p[0] = <uint8_t>bits
                p += 1
            # Groups are of eight numbers: what is missing in the last is zeros.
            p += groups * width - (count * width + 7) // 8
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
