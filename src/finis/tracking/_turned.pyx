"""See turned.py."""

from libc.stdint cimport int64_t, uint8_t

from finis.tracking._turned cimport turn_rows


def turn(
    const uint8_t[::1] rows, int64_t bytes, const int64_t[::1] begin, const int64_t[::1] size,
    uint8_t[::1] out,
):
    """Rows of so many bytes, of which parts begin there and are of that size, into `out`, which has
    as many bytes."""
    cdef int64_t n, part
    if bytes <= 0 or len(rows) % bytes or len(out) < len(rows) or len(begin) != len(size):
        raise ValueError("rows and room do not fit")
    n = len(rows) // bytes
    for part in range(len(begin)):
        if size[part] not in (1, 2, 4, 8) or begin[part] % size[part]:
            raise ValueError("a part that is not aligned")
        if not 0 <= begin[part] <= bytes - size[part]:
            raise ValueError("a part that lies outside")
    if n and len(begin):
        with nogil:
            turn_rows(&rows[0], n, bytes, &begin[0], &size[0], len(begin), &out[0])
