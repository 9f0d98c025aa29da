# Mirrors turned.py.
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    BLOCK = 64  # rows that are turned at once: they stay in the cache

ctypedef fused Value:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline void turn_some(
    Value *out, const uint8_t *rows, int64_t bytes, int64_t n
) noexcept nogil:
    cdef int64_t i
    for i in range(n):
        memcpy(&out[i], rows + i * bytes, sizeof(Value))  # records may have any size


cdef inline void turn_rows(
    const uint8_t *rows, int64_t n, int64_t bytes, const int64_t *begin, const int64_t *size,
    int64_t parts, uint8_t *out,
) noexcept nogil:
    """`rows`: n records of so many bytes, whose parts begin there and are of that size (1, 2, 4 or
    8, at a multiple of it); `out`: as much memory, 8-byte aligned."""
    cdef int64_t at = 0, part, some
    cdef const uint8_t *source
    cdef uint8_t *target
    while at < n:
        some = min(<int64_t>BLOCK, n - at)
        for part in range(parts):
            source = rows + at * bytes + begin[part]
            target = out + begin[part] * n + at * size[part]
            if size[part] == 8:
                turn_some(<uint64_t *>target, source, bytes, some)
            elif size[part] == 4:
                turn_some(<uint32_t *>target, source, bytes, some)
            elif size[part] == 2:
                turn_some(<uint16_t *>target, source, bytes, some)
            else:
                turn_some(target, source, bytes, some)
        at += some
