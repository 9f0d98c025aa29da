"""Kernel: many short texts at once, as numbers; `naming.text_hash` and `keys.parse` are the
readable form.  The texts stand one after another in `data`, `lengths` bytes each.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

import numpy as np

from finis.correlation._hash cimport blake2b

cdef bint ipv4(const uint8_t* text, Py_ssize_t length, uint32_t* number) noexcept nogil:
    """Four numbers up to 255 without leading zeros, dots between."""
    cdef Py_ssize_t i
    cdef uint32_t octet = 0, whole = 0
    cdef int digits = 0, dots = 0
    if length < 7 or length > 15:
        return False
    for i in range(length):
        if text[i] == c".":
            if digits == 0 or dots == 3:
                return False
            whole = whole << 8 | octet
            octet, digits = 0, 0
            dots += 1
        elif c"0" <= text[i] <= c"9":
            if digits and octet == 0:
                return False
            octet = octet * 10 + text[i] - c"0"
            digits += 1
            if octet > 255:
                return False
        else:
            return False
    if dots != 3 or digits == 0:
        return False
    number[0] = whole << 8 | octet
    return True


cdef Py_ssize_t checked(const uint8_t[::1] data, const uint32_t[::1] lengths) except -1:
    """How many texts there are."""
    cdef Py_ssize_t i, total = 0
    for i in range(lengths.shape[0]):
        total += lengths[i]
    if total != data.shape[0]:
        raise ValueError("the lengths are not those of the texts")
    return lengths.shape[0]


def hashes(const uint8_t[::1] data, const uint32_t[::1] lengths):
    """BLAKE2b of every text, as a number (u8)."""
    cdef Py_ssize_t i, count = checked(data, lengths)
    out = np.empty(count, np.uint64)
    cdef uint64_t[::1] numbers = out
    cdef const uint8_t* text = &data[0] if data.shape[0] else <const uint8_t*>b""
    with nogil:
        for i in range(count):
            numbers[i] = blake2b(text, lengths[i])
            text += lengths[i]
    return out


def addresses(const uint8_t[::1] data, const uint32_t[::1] lengths):
    """IPv4 addresses as numbers (u4), and which texts are none (bool)."""
    cdef Py_ssize_t i, count = checked(data, lengths)
    out = np.zeros(count, np.uint32)
    none = np.zeros(count, np.bool_)
    cdef uint32_t[::1] numbers = out
    cdef uint8_t[::1] others = none.view(np.uint8)
    cdef const uint8_t* text = &data[0] if data.shape[0] else <const uint8_t*>b""
    with nogil:
        for i in range(count):
            if not ipv4(text, lengths[i], &numbers[i]):
                others[i] = 1
            text += lengths[i]
    return out, none
