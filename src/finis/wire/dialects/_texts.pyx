"""Kernel: addresses of packed events as a column of text, handed over by the Arrow C data
interface (https://arrow.apache.org/docs/format/CDataInterface.html) as large UTF-8.  The readable
form is `_packed.Book.text`."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.pycapsule cimport PyCapsule_GetPointer, PyCapsule_New
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

import numpy as np

from finis.wire.dialects import _packed
from finis.wire.dialects._dotted cimport LONGEST, dotted

cdef extern from *:
    """
    #include <stdint.h>
    struct ArrowSchema {
        const char* format; const char* name; const char* metadata; int64_t flags;
        int64_t n_children; struct ArrowSchema** children; struct ArrowSchema* dictionary;
        void (*release)(struct ArrowSchema*); void* private_data;
    };
    struct ArrowArray {
        int64_t length; int64_t null_count; int64_t offset; int64_t n_buffers; int64_t n_children;
        const void** buffers; struct ArrowArray** children; struct ArrowArray* dictionary;
        void (*release)(struct ArrowArray*); void* private_data;
    };
    """
    struct ArrowSchema:
        const char* format
        const char* name
        const char* metadata
        int64_t flags
        int64_t n_children
        ArrowSchema** children
        ArrowSchema* dictionary
        void (*release)(ArrowSchema*) noexcept nogil
        void* private_data
    struct ArrowArray:
        int64_t length
        int64_t null_count
        int64_t offset
        int64_t n_buffers
        int64_t n_children
        const void** buffers
        ArrowArray** children
        ArrowArray* dictionary
        void (*release)(ArrowArray*) noexcept nogil
        void* private_data

cdef enum:
    NULLABLE = 2

cdef uint64_t V4 = _packed.V4, NAMED = _packed.NAMED


cdef void release_schema(ArrowSchema* schema) noexcept nogil:
    schema.release = NULL


cdef void release_array(ArrowArray* array) noexcept nogil:
    cdef int i
    for i in range(3):
        free(<void*>array.buffers[i])
    free(<void*>array.buffers)
    array.release = NULL


cdef void drop_schema(capsule) noexcept:
    cdef ArrowSchema* schema = <ArrowSchema*>PyCapsule_GetPointer(capsule, "arrow_schema")
    if schema.release != NULL:
        schema.release(schema)
    free(schema)


cdef void drop_array(capsule) noexcept:
    cdef ArrowArray* array = <ArrowArray*>PyCapsule_GetPointer(capsule, "arrow_array")
    if array.release != NULL:
        array.release(array)
    free(array)


cdef class Hosts:
    """A column of host words (`_packed`); `names`: texts of those that are no IPv4."""

    cdef object keep
    cdef Py_ssize_t count, step
    cdef list names

    def __init__(self, column, list names):
        self.keep = column
        self.count, self.step = len(column), column.strides[0] if len(column) else 8
        self.names = names
        if column.dtype != "u8":
            raise ValueError("not host words")

    def __arrow_c_array__(self, requested_schema=None):
        cdef ArrowSchema* schema = <ArrowSchema*>calloc(1, sizeof(ArrowSchema))
        cdef ArrowArray* array = <ArrowArray*>calloc(1, sizeof(ArrowArray))
        cdef const void** buffers = <const void**>calloc(3, sizeof(void*))
        cdef uint8_t* valid = <uint8_t*>calloc(self.count // 8 + 1, 1)
        cdef int64_t* offsets = <int64_t*>malloc((self.count + 1) * sizeof(int64_t))
        cdef uint8_t* data
        cdef uint8_t* p
        cdef bytes name
        cdef const uint8_t* at = <const uint8_t*><size_t>self.keep.__array_interface__["data"][0]
        cdef uint64_t host
        cdef Py_ssize_t i, size = self.count * LONGEST + 4
        cdef dict texts = {}  # those that are used: a book may hold many more
        for i in range(self.count):
            host = (<const uint64_t*>(at + i * self.step))[0]
            if host >= NAMED:
                size += len(encoded(texts, self.names, host))
        data = <uint8_t*>malloc(size)
        if (
            schema == NULL or array == NULL or buffers == NULL or valid == NULL or offsets == NULL
            or data == NULL
        ):
            free(schema)
            free(array)
            free(buffers)
            free(valid)
            free(offsets)
            free(data)
            raise MemoryError
        p = data
        for i in range(self.count):
            offsets[i] = p - data
            host = (<const uint64_t*>(at + i * self.step))[0]
            if host == 0:
                array.null_count += 1
                continue
            valid[i >> 3] |= 1 << (i & 7)
            if host < NAMED:
                p = dotted(p, <uint32_t>(host - V4))
            else:
                name = <bytes>texts[host]
                memcpy(p, <const uint8_t*>name, len(name))
                p += len(name)
        offsets[self.count] = p - data
        buffers[0], buffers[1], buffers[2] = valid, offsets, data
        schema.format, schema.name, schema.flags, schema.release = b"U", b"", NULLABLE, release_schema
        array.length, array.n_buffers, array.buffers = self.count, 3, buffers
        array.release = release_array
        return (
            PyCapsule_New(schema, "arrow_schema", drop_schema),
            PyCapsule_New(array, "arrow_array", drop_array),
        )


cdef bytes encoded(dict texts, list names, uint64_t host):
    """The text of a host that is no IPv4, noted in `texts`."""
    text = texts.get(host)
    if text is None:
        text = texts[host] = (<str>names[host - NAMED]).encode("utf-8", "replace")
    return text


def plain(hosts, list names):
    """Host words (u8, none of them 0) as Parquet writes text: its length in four bytes before it."""
    cdef const uint64_t[::1] words = hosts
    return laid(words, names, 4, np.empty(words.shape[0], np.int64))


def apart(hosts, list names):
    """The same as the length of each (i8), and all texts one after another."""
    cdef const uint64_t[::1] words = hosts
    lengths = np.empty(words.shape[0], np.int64)
    return lengths, laid(words, names, 0, lengths)


cdef bytes laid(const uint64_t[::1] words, list names, int head, int64_t[::1] lengths):
    """Texts with so many bytes before each, 0 or 4, for its length."""
    cdef Py_ssize_t i, count = words.shape[0], size = count * (LONGEST + head) + 4
    cdef dict texts = {}  # those that are used: a book may hold many more
    cdef bytes name
    for i in range(count):
        if words[i] >= NAMED:
            size += len(encoded(texts, names, words[i]))
        elif words[i] < V4:
            raise ValueError("no host")
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    cdef uint8_t* start = <uint8_t*>PyBytes_AS_STRING(out)
    cdef uint8_t* p = start
    cdef uint8_t* end
    cdef uint32_t length
    with nogil:
        for i in range(count):
            if words[i] < NAMED:
                end = dotted(p + head, <uint32_t>(words[i] - V4))
            else:
                with gil:
                    name = <bytes>texts[words[i]]
                    end = p + head + len(name)
                    memcpy(p + head, <const uint8_t*>name, len(name))
            length = <uint32_t>(end - p - head)
            lengths[i] = length
            if head:
                p[0], p[1] = <uint8_t>length, <uint8_t>(length >> 8)
                p[2], p[3] = <uint8_t>(length >> 16), <uint8_t>(length >> 24)
            p = end
    return out[: p - start]
