"""Kernel: lines of a log to columns of events, for messages in their plain form.

Runs the programs of `_program`.  A program tells where a line's values stand (addresses, ports,
numbers) and which words it is made of.  All that depends on the words alone is taken from the
first line with the same words, which the reference (`_events.Reader.line`) has read; every line in
doubt is read by the reference too.  So the kernel never decides what a message means.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.list cimport PyList_SetItem
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.ref cimport Py_INCREF
from cpython.unicode cimport PyUnicode_DecodeASCII
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy

from finis.wire.dialects._scan cimport *

from finis.wire.dialects import _syslog
from finis.wire.dialects._program import DEEPEST, MOST_OPS, MOST_SLOTS, compile_program

assert (OPS, SLOTS, DEPTH) == (MOST_OPS, MOST_SLOTS, DEEPEST)


cdef class Lines:
    """Collects the events of one file in batches of `batch` rows.

    `reader`: `_events.Reader`; `columns`: names of an event's columns, in the order of its rows.
    """

    cdef object reader, headers, source
    cdef dict memo  # words of a program → meaning
    cdef dict whole  # text of a message without a program, with severity and id → meaning
    cdef Program wordless
    cdef list names, columns, hosts, ports, ids
    cdef readonly Py_ssize_t count  # rows collected
    cdef Py_ssize_t batch
    cdef Program* programs
    cdef uint8_t* index
    cdef uint32_t* host_of
    cdef uint8_t marks[MARKS][MARK]
    cdef int mark_sizes[MARKS]
    cdef int mark_count
    cdef bytes strange
    cdef int c_ts, c_device, c_line, c_text_ok
    # Headers read before, by a hash of their bytes.
    cdef Header headers_at[HEADERS]
    cdef list texts, stamps, devices
    cdef int64_t reads  # how often the reference has read a header, or may have
    cdef Py_ssize_t used

    def __cinit__(self, reader, columns, Py_ssize_t batch):
        grammar = reader.grammar
        self.reader, self.headers, self.source = reader, reader.headers, reader.source
        self.memo, self.whole, self.names, self.batch = {}, {}, list(columns), batch
        at = {name: i for i, name in enumerate(columns)}
        self.c_ts, self.c_device = at["ts"], at["device"]
        self.c_line, self.c_text_ok = at["line"], at["text_ok"]
        self.hosts, self.ports = [None] * CACHED_HOSTS, [None] * CACHED_PORTS
        self.host_of = <uint32_t*>PyMem_Calloc(CACHED_HOSTS, sizeof(uint32_t))
        self.index = <uint8_t*>PyMem_Calloc(IDS, 1)
        self.programs = <Program*>PyMem_Calloc(PROGRAMS, sizeof(Program))
        if self.index == NULL or self.programs == NULL or self.host_of == NULL:
            raise MemoryError
        for msg_id in (*grammar.messages, *grammar.special):
            if len(msg_id) == 6:
                self.index[int(msg_id)] = REFERENCE
        self.ids, self.strange = [], grammar.fast.strange
        self.texts, self.stamps = [None] * HEADERS, [None] * HEADERS
        self.devices = [None] * HEADERS
        self.mark_count = len(grammar.fast.marks)
        if self.mark_count > MARKS or any(len(mark) > MARK for mark in grammar.fast.marks):
            raise ValueError("too many marks, or too long")
        for n, mark in enumerate(grammar.fast.marks):
            self.mark_sizes[n] = len(mark)
            for i, c in enumerate(mark):
                self.marks[n][i] = c
        for msg_id, copies in grammar.fast.messages.items():
            self._add(msg_id, copies, at)
        self._fresh()

    def __dealloc__(self):
        PyMem_Free(self.programs)
        PyMem_Free(self.index)
        PyMem_Free(self.host_of)

    cdef int _add(self, msg_id, copies, dict at) except -1:
        program = compile_program(self.reader.grammar.messages[msg_id].texts[0])
        n = len(self.ids)
        if n >= PROGRAMS or len(program.literals) > LITERALS or len(program.ops) > OPS:
            raise ValueError(msg_id)
        cdef Program* made = &self.programs[n]
        made.count, made.slots = len(program.ops), len(program.slots)
        for i, (op, a, b) in enumerate(program.ops):
            made.ops[i].op, made.ops[i].a, made.ops[i].b = op, a, b
        for i, c in enumerate(program.literals):
            made.literals[i] = c
        for i, name in enumerate(program.slots):
            made.columns[i][0], made.columns[i][1] = at[name], -1
            for column, copied in copies.items():
                if copied == name:
                    made.columns[i][1] = at[column]
        self.ids.append(msg_id)
        self.index[int(msg_id)] = n + 1
        return 0

    cdef int _fresh(self) except -1:
        self.columns = [[None] * self.batch for _ in self.names]
        self.count = 0
        return 0

    def take(self):
        """The rows collected; the collection starts afresh."""
        cdef Py_ssize_t n = self.count
        columns = self.columns
        if n < self.batch:
            columns = [column[:n] for column in columns]
        out = dict(zip(self.names, columns, strict=True))
        self._fresh()
        return out

    def feed(self, bytes data, Py_ssize_t at, long number):
        """Read the lines of `data` from offset `at`, the first of which has this number, until
        the batch is full: (offset, number) to go on from, offset -1 if nothing is left.  `data`
        is valid UTF-8."""
        cdef const uint8_t* base = <const uint8_t*>PyBytes_AS_STRING(data)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(data), stop
        cdef const uint8_t* found
        cdef const uint8_t* start
        cdef const uint8_t* end
        cdef Py_ssize_t rows = 0
        while self.count < self.batch:
            found = <const uint8_t*>memchr(base + at, 10, size - at)
            stop = size if found == NULL else found - base
            start, end = base + at, base + stop
            while start < end and strippable(start[0]):
                start += 1
            while end > start and strippable((end - 1)[0]):
                end -= 1
            if start < end:
                if self._fast(start, end, number):
                    rows += 1
                elif text := _syslog._cut(data[at:stop].decode(), self.source, number):
                    rows += 1
                    self._slow(number, text, NULL, NULL, None, None)
            number += 1
            at = -1 if found == NULL else stop + 1
            if at < 0:
                break
        self.source.rows += rows
        self.source.used += self.used
        self.used = 0
        return at, number

    def add(self, number, text):
        """Read one line that is given as text; not more than fit into the batch."""
        self.source.rows += 1
        self._slow(number, text, NULL, NULL, None, None)

    cdef int _slow(
        self, number, text, const Parsed* parsed, const Program* code, dict memo, key
    ) except -1:
        """Have the reference read a line, and learn from it what its words mean."""
        problems = self.source.problems.counts
        before = sum(problems.values()) if key is not None else 0
        row = self.reader.line(number, text)
        self.reads += 1
        if key is not None and sum(problems.values()) == before:
            if len(memo) >= MEMO:
                memo.clear()
            memo[key] = self._meaning(row, parsed, code)
        if row is not None:
            self.source.used += 1
            for column, value in enumerate(row):
                if value is not None:
                    self._put(column, value)
            self.count += 1
        return 0

    cdef object _meaning(self, row, const Parsed* parsed, const Program* code):
        """What all lines with the words of this row have in common: [(column, value)]; None if
        they are no events; False if they must be left to the reference."""
        cdef int k, i, column
        if row is None:
            return None
        if row[self.c_text_ok] != "full":
            return False
        own = {self.c_ts, self.c_device, self.c_line}
        for k in range(code.slots):
            if not parsed.taken[k]:
                continue
            value = self._value(code, k, parsed)
            for i in range(COPIES):
                column = code.columns[k][i]
                if column >= 0:
                    own.add(column)
                    if row[column] != value:
                        return False
        return [
            (column, value)
            for column, value in enumerate(row)
            if value is not None and column not in own
        ]

    cdef object _value(self, const Program* code, int k, const Parsed* parsed):
        cdef int op = -1, i
        for i in range(code.count):
            op = code.ops[i].op
            if HOST <= op <= DURATION and code.ops[i].a == k:
                break
        return self._object(op, k, parsed)

    cdef inline object _object(self, int op, int k, const Parsed* parsed):
        cdef int64_t value = parsed.value[k]
        cdef uint32_t slot
        if op == HOST:
            slot = (<uint32_t>value * <uint32_t>2654435761) >> 16
            known = self.hosts[slot]
            if known is None or self.host_of[slot] != <uint32_t>value:
                known = PyUnicode_DecodeASCII(
                    <const char*>parsed.start[k], parsed.length[k], NULL
                )
                self.hosts[slot] = known
                self.host_of[slot] = <uint32_t>value
            return known
        if op == PORT:
            known = self.ports[value]
            if known is None:
                known = self.ports[value] = value
            return known
        if op == DURATION:
            return <double>value
        return value

    cdef inline int _put(self, Py_ssize_t column, object value) except -1:
        Py_INCREF(value)  # PyList_SetItem takes it
        PyList_SetItem(self.columns[column], self.count, value)
        return 0

    cdef bint _fast(self, const uint8_t* start, const uint8_t* end, long number) except -1:
        """Take the line if it is plain; False leaves it untouched."""
        cdef const uint8_t* tag
        cdef const uint8_t* p
        cdef Parsed parsed
        cdef Py_ssize_t prefix
        cdef int i, k, op, column, program, msg_id, slot
        cdef const Program* code
        if end - start > LONGEST_LINE or start[0] == b"{":
            return False
        tag = <const uint8_t*>memchr(start, b"%", end - start)
        if tag == NULL:
            return False
        prefix = tag - start
        slot = header_slot(start, prefix)
        if not self._met(slot, start, prefix):
            if prefix > LONGEST_PREFIX or not printable(start, tag):
                return False
            for i in range(<int>PyBytes_GET_SIZE(self.strange)):
                if memchr(start, PyBytes_AS_STRING(self.strange)[i], prefix) != NULL:
                    return False
        p = self._mark(tag, end)
        if p == NULL or end - p < 12 or not 48 <= p[0] <= 55 or p[1] != b"-":
            return False
        msg_id = 0
        for i in range(2, 8):
            if not digit(p[i]):
                return False
            msg_id = msg_id * 10 + (p[i] - 48)
        if p[8] != b":" or p[9] != b" " or p[10] == b" " or p[10] == b"%":
            return False
        program = self.index[msg_id]
        if not plain(p + 8, end):
            return False
        if program == FOREIGN:
            slot = self._header(slot, start, prefix, number)
            self._count_other(msg_id)
            return True
        memo = self.memo
        if program == REFERENCE:  # the whole text is one word
            if end - p > KEY:
                return False
            code, memo = &self.wordless, self.whole
            key = PyBytes_FromStringAndSize(<const char*>p, end - p)
        else:
            code = &self.programs[program - 1]
            parsed.key[0], parsed.key[1] = <uint8_t>program, p[0]
            parsed.key_length = 2
            if not run(code, p + 10, end, &parsed):
                return False
            key = PyBytes_FromStringAndSize(<const char*>parsed.key, parsed.key_length)
        meaning = memo.get(key, 0)
        if meaning is False:
            return False
        if meaning == 0:
            text = PyUnicode_DecodeASCII(<const char*>start, end - start, NULL)
            self._slow(number, text, &parsed, code, memo, key)
            return True
        slot = self._header(slot, start, prefix, number)
        if meaning is None:
            self._count_other(msg_id)
            return True
        for constant in <list>meaning:
            self._put((<tuple>constant)[0], (<tuple>constant)[1])
        for i in range(code.count):
            op = code.ops[i].op
            k = code.ops[i].a
            if HOST <= op <= DURATION and k >= 0 and parsed.taken[k]:
                value = self._object(op, k, &parsed)
                self._put(code.columns[k][0], value)
                column = code.columns[k][1]
                if column >= 0:
                    self._put(column, value)
        value = self.stamps[slot]
        if value is not None:
            self._put(self.c_ts, value)
        self._put(self.c_device, self.devices[slot])
        self._put(self.c_line, number)
        self.count += 1
        self.used += 1
        return True

    cdef inline bint _met(
        self, int slot, const uint8_t* start, Py_ssize_t length
    ) noexcept:
        """Was the last header of this slot the same?"""
        cdef const Header* header = &self.headers_at[slot]
        return (
            length > 0 and header.length == length and memcmp(start, header.prefix, length) == 0
        )

    cdef const uint8_t* _mark(self, const uint8_t* tag, const uint8_t* end) noexcept:
        cdef int i
        for i in range(self.mark_count):
            if (
                end - tag > self.mark_sizes[i]
                and memcmp(tag, self.marks[i], self.mark_sizes[i]) == 0
            ):
                return tag + self.mark_sizes[i]
        return NULL

    cdef int _count_other(self, int msg_id) except -1:
        name = f"{msg_id:06d}"
        other = self.source.other
        if name in other:
            other[name] += 1
        else:
            self.reader._other(name)
        return 0

    cdef int _header(
        self, int slot, const uint8_t* start, Py_ssize_t length, long number
    ) except -1:
        """Find time and device of the line; returns their slot.  A header is not read again where
        the reference would find it in its memory, or the same after all."""
        cdef Header* header = &self.headers_at[slot]
        if self._met(slot, start, length):
            if header.read == self.reads and (header.dated or header.calm):
                return slot
            if header.dated and self.headers.remembers(self.texts[slot]):
                header.read = self.reads
                return slot
        text = PyUnicode_DecodeASCII(<const char*>start, length, NULL)
        problems = self.source.problems.counts
        before = sum(problems.values())
        follows = self.headers.follows
        ts, device = self.headers.read(text, number)
        if ts is not None:
            self.source.seen(ts)
        self.reads += 1
        self.texts[slot], self.stamps[slot], self.devices[slot] = text, ts, device
        memcpy(header.prefix, start, length)
        header.length, header.read = <int>length, self.reads
        header.dated = self.headers.remembers(text)
        header.calm = follows and ts is not None and sum(problems.values()) == before
        return slot
