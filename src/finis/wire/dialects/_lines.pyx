"""Kernel: lines of a log to packed rows of events, for messages in their plain form.

Runs the programs of `_program`.  A program tells where a line's values stand (addresses, ports,
numbers) and which words it is made of.  All that depends on the words alone is taken from the
first line with the same words, which the reference (`_events.Reader.line`) has read; every line in
doubt is read by the reference too.  So the kernel never decides what a message means.

Three ways, then, from the slowest: the reference, once for each choice of words (`_slow`); a
program, once more for each (`_plain`), which plants the line in a tree; and the tree, for all
further lines that differ in values only (`_known`).
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.ref cimport PyObject
from cpython.unicode cimport PyUnicode_DecodeASCII
cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy, memset

from finis.wire.dialects._header cimport *
from finis.wire.dialects._hosts cimport *
from finis.wire.dialects._memo cimport *
from finis.wire.dialects._row cimport *
from finis.wire.dialects._scan cimport *
from finis.wire.dialects._tree cimport *
from finis.wire.dialects._values cimport (
    finis_forms_open,
    finis_ipv4,
    finis_ipv4_narrow,
    finis_octets_open,
)

import os
from ipaddress import IPv6Address

import numpy as np

from finis.wire.dialects import _packed, _syslog
from finis.wire.dialects._program import DEEPEST, MOST_OPS, MOST_SLOTS, compile_program

assert (OPS, SLOTS, DEPTH) == (MOST_OPS, MOST_SLOTS, DEEPEST)
assert sizeof(Event) == _packed.EVENT.itemsize and _packed.BIT["b_mapped_p"] == HAS_B_MAPPED_P

cdef extern from "Python.h":
    Py_ssize_t Py_REFCNT(object)

assert (_packed.V4, _packed.NAMED) == (1 << 32, 2 << 32)

# What stopped `Lines._run`.
cdef enum:
    FULL, ENDED, HEADER, LEARN, SLOW, OTHER

# Meanings that are no template.
cdef enum:
    NO_EVENT = -2
    LEAVE = -3  # to the reference

cdef enum:
    SPARE = 24  # buffers that are used again: some are held until a table is written
    TALLIED = 4096  # ids counted between two calls
    # Bytes behind a line's start that may be read: more than any line of the tree is long.
    MARGIN = 4096

assert LONGEST_PREFIX + LONGEST_LINE + SPANS * LONGEST_IPV6 + PADDING < MARGIN
assert MORE >= SLOTS * COPIES and sizeof(Event) < 256

cdef int64_t NEVER = -(1 << 62)

finis_octets_open()
finis_forms_open()


def address(bytes text, bint wide):
    """The address that begins a text, and how many bytes write it; (0, 0): none does.  `wide`: with
    what this processor has for it.  For tests."""
    cdef const uint8_t* p = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef int64_t value = 0
    if len(text) < PADDING:
        raise ValueError("too short")
    length = finis_ipv4(p, &value) if wide else finis_ipv4_narrow(p, &value)
    return value, length


def address6(bytes text):
    """The IPv6 address that begins a text: (its number, how many bytes write it, its proper text, None
    for one that holds an IPv4 address); None if there is none.  For tests."""
    cdef const uint8_t* p = <const uint8_t*>PyBytes_AS_STRING(text)
    cdef Address found
    cdef uint8_t out[LONGEST_IPV6]
    if len(text) < LONGEST_IPV6 + PADDING:
        raise ValueError("too short")
    cdef const uint8_t* end = ipv6(p, &found)
    if end == NULL:
        return None
    proper = None if holds_ipv4(&found) else out[: compressed(&found, out)].decode()
    return int(found.high) << 64 | found.low, end - p, proper


include "_learning.pxi"


@cython.final
cdef class Lines(Learner):
    """Collects the events of one file in batches of `batch` rows."""

    cdef Py_ssize_t batch
    cdef object buffer
    cdef list spare
    cdef uint32_t* tally  # lines of each id that is no event, not yet counted in the source
    cdef uint8_t* known  # ids that the source counts
    cdef int tallied[TALLIED]
    cdef int tallied_count
    cdef uint8_t marks[MARKS][MARK]
    cdef int mark_sizes[MARKS]
    cdef int mark_count
    cdef const uint8_t* strange
    cdef Py_ssize_t strange_count
    cdef bytes strange_bytes
    cdef uint16_t guesses[GUESSES]  # of headers
    cdef int behind  # `Header.behind` of the last one looked for
    cdef int64_t anchor  # `Headers.anchor`, NEVER for none, and `yearless`
    cdef bint yearless
    cdef int64_t first_ns, last_ns  # the period of lines not yet told to the source
    cdef Py_ssize_t seen

    def __cinit__(self, reader, columns, Py_ssize_t batch):
        fast = reader.grammar.fast
        self.batch, self.spare = batch, []
        self.known = <uint8_t*>PyMem_Calloc(IDS, 1)
        self.tally = <uint32_t*>PyMem_Calloc(IDS, sizeof(uint32_t))
        if self.known == NULL or self.tally == NULL:
            raise MemoryError
        self.strange_bytes = fast.strange
        self.strange = <const uint8_t*>PyBytes_AS_STRING(self.strange_bytes)
        self.strange_count = len(self.strange_bytes)
        self.first_ns, self.last_ns = -NEVER, NEVER
        self.mark_count = len(fast.marks)
        if self.mark_count > MARKS or any(len(mark) > MARK for mark in fast.marks):
            raise ValueError("too many marks, or too long")
        for n, mark in enumerate(fast.marks):
            self.mark_sizes[n] = len(mark)
            for i, c in enumerate(mark):
                self.marks[n][i] = c
        self._fresh()

    def __dealloc__(self):
        PyMem_Free(self.known)
        PyMem_Free(self.tally)

    cdef int _fresh(self) except -1:
        """Begin a batch, in a buffer that nobody looks at any more."""
        buffer = None
        for old in self.spare:
            if Py_REFCNT(old) == 2:  # the list and this loop
                buffer = old
                break
        if buffer is None:
            buffer = np.empty(self.batch * sizeof(Event), np.uint8)
            if len(self.spare) < SPARE:
                self.spare.append(buffer)
        cdef uint8_t[::1] view = buffer
        self.buffer, self.rows, self.count = buffer, <Event*>&view[0], 0
        return 0

    def take(self):
        """The rows collected; the collection starts afresh."""
        self._tell_hosts()
        rows = self.buffer[: self.count * sizeof(Event)].view(_packed.EVENT)
        out = _packed.Packed(rows, self.book)
        del rows
        self._fresh()
        if self.book.full:
            self._new_book()
        return out

    def feed(self, bytes data, Py_ssize_t at, Py_ssize_t stop, long number):
        """Read the lines of `data` from offset `at` to `stop`, the first of which has this number,
        until the batch is full: (offset, number) to go on from, offset -1 if nothing is left."""
        cdef const uint8_t* base = <const uint8_t*>PyBytes_AS_STRING(data)
        cdef int why
        cdef bint done
        if not 0 <= at <= stop <= PyBytes_GET_SIZE(data):
            raise ValueError("outside the data")
        self._look()
        while True:
            with nogil:
                why = self._run(base, stop, &at, &number)
            if why == FULL or why == ENDED:
                break
            self._tell()
            done = True  # with this line
            if why == HEADER:
                self._header(number)
                done = False
            elif why == OTHER:
                self._count_other()
            elif why == LEARN:
                self.seen += 1
                text = PyUnicode_DecodeASCII(
                    <const char*>self.start, self.end - self.start, NULL
                )
                self._slow(number, text, True)
            else:
                found = data.find(b"\n", self.end - base, stop)
                whole = data[at : stop if found < 0 else found]
                (line,) = _syslog._decoded([whole], self.source, number - 1)
                if text := _syslog._cut(line, self.source, number):
                    self.seen += 1
                    self._slow(number, text, False)
            self._look()
            if done:
                number += 1
                at = data.find(b"\n", self.end - base, stop) + 1
                if at == 0:
                    at = -1
                    break
        self._tell()
        self._settle()
        return at, number

    cdef int _look(self) except -1:
        """Where the headers stand."""
        anchor = self.headers.anchor
        self.anchor = NEVER if anchor is None else anchor
        self.yearless = self.headers.yearless
        return 0

    cdef int _tell(self) except -1:
        """Tell the headers what was seen of them."""
        if self.anchor != NEVER:
            self.headers.anchor = self.anchor
        return 0

    cdef int _settle(self) except -1:
        """Tell the source what was counted."""
        cdef int i, msg_id
        source = self.source
        source.rows += self.seen
        source.used += self.used
        self.used = self.seen = 0
        if self.first_ns <= self.last_ns:
            source.seen(self.first_ns)
            source.seen(self.last_ns)
        self.first_ns, self.last_ns = -NEVER, NEVER
        for i in range(self.tallied_count):
            msg_id = self.tallied[i]
            source.other[f"{msg_id:06d}"] += self.tally[msg_id]
            self.tally[msg_id] = 0
        self.tallied_count = 0
        return 0

    cdef int _count_other(self) except -1:
        name = f"{self.msg_id:06d}"
        other = self.source.other
        self._settle()
        self.seen = 1
        if name in other:
            other[name] += 1
        else:
            self.reader._other(name)
        self.known[self.msg_id] = name in other
        return 0

    cdef int _run(
        self, const uint8_t* base, Py_ssize_t size, Py_ssize_t* place, long* line
    ) noexcept nogil:
        """Take lines that are known or plain until one is not: what is to be done with it."""
        cdef const uint8_t* start = base + place[0]
        cdef const uint8_t* stop = base + size
        cdef const uint8_t* safe = stop - MARGIN if size >= MARGIN else base
        cdef const uint8_t* found
        cdef const uint8_t* end
        cdef long number = line[0]
        cdef int why = FULL
        while self.count < self.batch:
            if start < safe:
                found = self._known(start, stop, number)
                if found != NULL:
                    start = found
                    number += 1
                    continue
            found = <const uint8_t*>memchr(start, 10, stop - start)
            end = stop if found == NULL else found
            why = self._line(start, end, found != NULL, number)
            if why != FULL:
                break
            number += 1
            if found == NULL:
                place[0], line[0] = -1, number
                return ENDED
            start = found + 1
        place[0], line[0] = start - base, number
        return why

    cdef inline const uint8_t* _known(
        self, const uint8_t* start, const uint8_t* stop, long number
    ) noexcept nogil:
        """Take the line if it is in the tree: where the next one begins, else NULL.  At least
        MARGIN bytes follow `start`."""
        cdef uint32_t guess = guess_of(start, self.behind)
        cdef Header* header = &self.headers_at[self.guesses[guess]]
        cdef const uint8_t* p
        cdef const uint8_t* end
        cdef const End* known
        cdef Event* row
        cdef Found found
        cdef int i
        if not is_header(header, start):
            header = self._find(start)
            if header == NULL:
                return NULL
        if not header.pure:
            return NULL
        p = start + header.length
        known = follow(&self.tree, &self.hosts, &p, &found)
        if known == NULL:
            return NULL
        if found.rest != NULL:
            p = self._rest(start, p, stop, known.foreign)
            if p == NULL:
                return NULL
        if not self._stands(header, number):
            return NULL
        if known.meaning == NO_EVENT:
            if not self._tallied(known.msg_id):
                return NULL
        else:
            row = &self.rows[self.count]
            row[0] = self.templates[known.meaning]
            for i in range(known.wides):
                memcpy(<uint8_t*>row + known.wide_at[i], &found.wide[known.wide_of[i]], 8)
            for i in range(known.narrows):
                memcpy(<uint8_t*>row + known.narrow_at[i], &found.narrow[known.narrow_of[i]], 2)
            self._complete(row, header, number)
        self.seen += 1
        return p

    cdef inline const uint8_t* _rest(
        self, const uint8_t* start, const uint8_t* p, const uint8_t* stop, bint foreign
    ) noexcept nogil:
        """Where the next line begins, if the rest of this one, from `p`, is plain text."""
        cdef const uint8_t* found = <const uint8_t*>memchr(p, 10, stop - p)
        cdef const uint8_t* end = found
        if found == NULL or (foreign and (p[0] == b" " or p[0] == b"%")):
            return NULL
        while end > p and strippable((end - 1)[0]):
            end -= 1
        if end - p < (2 if foreign else 1) or end - start > LONGEST_LINE or not plain(p - 2, end):
            return NULL
        return found + 1

    cdef inline Header* _find(self, const uint8_t* start) noexcept nogil:
        """The header of a line, among those that were read before; NULL if it is not."""
        cdef const uint8_t* tag = <const uint8_t*>memchr(start, b"%", LONGEST_PREFIX + 1)
        cdef Header* header
        cdef int slot
        if tag == NULL:
            return NULL
        slot = header_slot(start, tag - start)
        header = &self.headers_at[slot]
        if header.length != tag - start or not is_header(header, start):
            return NULL
        self.behind = header.behind
        self.guesses[guess_of(start, self.behind)] = <uint16_t>slot
        return header

    cdef inline bint _stands(self, Header* header, long number) noexcept nogil:
        """Is what is known of this header what the reference would find now, with the same
        effect?  The effect is made."""
        if header.pure and header.dated:
            if not self.yearless:
                self.anchor = header.day
        elif header.pure:
            if not self.yearless or self.anchor != header.day:
                return False
        elif not (header.kept and header.read == self.reads) and self.fresh != number:
            return False
        if header.has_ts:
            if header.ts < self.first_ns:
                self.first_ns = header.ts
            if header.ts > self.last_ns:
                self.last_ns = header.ts
        return True

    cdef inline bint _tallied(self, int msg_id) noexcept nogil:
        """Count a message that is no event, if the source counts its id."""
        if not self.known[msg_id] or self.tallied_count >= TALLIED:
            return False
        if self.tally[msg_id] == 0:
            self.tallied[self.tallied_count] = msg_id
            self.tallied_count += 1
        self.tally[msg_id] += 1
        return True

    cdef inline void _complete(self, Event* row, const Header* header, long number) noexcept nogil:
        """What every row has; it is then one of the batch."""
        row.line = number
        row.has |= HAS_LINE
        if header.has_ts:
            row.ts = header.ts
            row.has |= HAS_TS
        row.origin = header.origin
        self.count += 1
        self.used += 1

    cdef int _line(
        self, const uint8_t* start, const uint8_t* end, bint ends, long number
    ) noexcept nogil:
        """Take the line [start, end) if it is plain (FULL); else say what is to be done and leave
        it.  `ends`: a line feed follows."""
        cdef Py_ssize_t size
        cdef int why
        while start < end and strippable(start[0]):
            start += 1
        cdef const uint8_t* trimmed = end
        while trimmed > start and strippable((trimmed - 1)[0]):
            trimmed -= 1
        if start == trimmed:
            return FULL
        size = trimmed - start
        self.start, self.end = start, trimmed
        if size > LONGEST_LINE or start[0] == b"{":
            return SLOW
        # A copy, so that it may be read beyond its end.
        memcpy(self.text, start, size)
        memset(&self.text[size], 10, PADDING)
        why = self._plain(self.text, &self.text[size], end - trimmed if ends else -1, number)
        if why == FULL:
            self.seen += 1
        return why

    cdef int _plain(
        self, const uint8_t* start, const uint8_t* end, Py_ssize_t tail, long number
    ) noexcept nogil:
        """The same of a line's copy; `tail`: bytes between it and its line feed, -1: no tree."""
        cdef const uint8_t* tag = <const uint8_t*>memchr(start, b"%", end - start)
        cdef const uint8_t* p
        cdef Py_ssize_t prefix = tag - start
        cdef int program, msg_id, slot, meaning = NO_EVENT
        cdef const Program* code = NULL
        cdef Header* header
        cdef Event* row
        cdef bint met
        if tag == NULL:
            return SLOW
        slot = header_slot(start, prefix)
        header = &self.headers_at[slot]
        met = header.length == prefix and is_header(header, start)
        if not met and not self._ordinary(start, tag):
            return SLOW
        p = self._mark(tag, end)
        if p == NULL or end - p < 12 or not 48 <= p[0] <= 55 or p[1] != b"-":
            return SLOW
        msg_id = number_of(p + 2)
        if msg_id < 0 or p[8] != b":" or p[9] != b" " or p[10] == b" " or p[10] == b"%":
            return SLOW
        if not plain(p + 8, end):
            return SLOW
        self.header, self.msg_id = slot, msg_id
        program = self.index[msg_id]
        if program != FOREIGN:
            if program == REFERENCE:  # the whole text is one word
                if end - p > KEY:
                    return SLOW
                code = &self.wordless
                self.parsed.span_count, self.parsed.unsure = 0, False
                self.key, self.key_length = p, <int>(end - p)
            else:
                code = &self.programs[program - 1]
                self.parsed.key[0], self.parsed.key[1] = <uint8_t>program, p[0]
                self.parsed.key_length = 2
                if not run(code, p + 10, end, &self.parsed):
                    return SLOW
                self.key, self.key_length = self.parsed.key, self.parsed.key_length
            meaning = memo_get(&self.memo, self.key, self.key_length)
            if meaning == LEAVE:
                return SLOW
            if meaning == UNMET:
                self.code = code
                return LEARN
        if not met or not self._stands(header, number):
            self.end = self.start + prefix
            return HEADER
        if meaning == NO_EVENT:
            if not self._tallied(msg_id):
                return OTHER
        else:
            row = &self.rows[self.count]
            row[0] = self.templates[meaning]
            fill(code, &self.parsed, row)
            self._complete(row, header, number)
        if 0 <= tail <= LONGEST_LINE - (end - start):
            if program == FOREIGN:
                plant(&self.tree, tag, p + 10, NULL, NULL, NO_EVENT, msg_id, True)
            elif is_sure(&self.parsed):
                self._plant(tag, end, tail, code, meaning)
        return FULL

    cdef inline void _plant(
        self, const uint8_t* tag, const uint8_t* end, Py_ssize_t tail, const Program* code,
        int meaning,
    ) noexcept nogil:
        """Remember the line, with what stands between its end in the copy and its line feed."""
        memcpy(&self.text[end - self.text], self.end, tail + 1)
        plant(
            &self.tree, tag, end + tail + 1, code, &self.parsed, meaning, self.msg_id, False
        )

    cdef inline bint _ordinary(self, const uint8_t* start, const uint8_t* tag) noexcept nogil:
        """May the kernel judge what follows this header?"""
        cdef int i
        if tag - start > LONGEST_PREFIX or not printable(start, tag):
            return False
        for i in range(<int>self.strange_count):
            if memchr(start, self.strange[i], tag - start) != NULL:
                return False
        return True

    cdef inline const uint8_t* _mark(self, const uint8_t* tag, const uint8_t* end) noexcept nogil:
        cdef int i
        for i in range(self.mark_count):
            if (
                end - tag > self.mark_sizes[i]
                and memcmp(tag, self.marks[i], self.mark_sizes[i]) == 0
            ):
                return tag + self.mark_sizes[i]
        return NULL


cdef inline int number_of(const uint8_t* p) noexcept nogil:
    """What six digits write, -1 if they are none."""
    cdef int i, value = 0
    for i in range(6):
        if not digit(p[i]):
            return -1
        value = value * 10 + (p[i] - 48)
    return value


cdef inline bint is_sure(const Parsed* parsed) noexcept nogil:
    """Are all lines with the same bytes between their spans read alike?"""
    cdef const Span* last
    if parsed.unsure:
        return False
    if parsed.span_count == 0:
        return True
    last = &parsed.spans[parsed.span_count - 1]
    return last.op != REST or parsed.looked < last.start
