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

from finis.wire.dialects import _syslog
from finis.wire.dialects._program import DEEPEST, MOST_OPS, MOST_SLOTS, compile_program

# _program.Op
cdef enum:
    LITERAL, BLANK, BLANKS, OPTION, OPTION_END, HOST, PORT, INT, DURATION
    IF_NAME, WORD, PROTO, ACL, FLAGS, DIRECTION, TAIL_IF, REST, WHO, BOUNDARY, DOUBT

cdef enum:
    OPS = 128  # _program.MOST_OPS
    SLOTS = 16  # _program.MOST_SLOTS
    DEPTH = 8  # _program.DEEPEST
    LITERALS = 512
    KEY = 512  # bytes of words that are told apart; more is left to the reference
    FIELD = 255  # bytes of one word
    LONGEST_LINE = 2048
    LONGEST_PREFIX = 256
    IDS = 1000000
    FOREIGN = 0  # index of an id: no event; 1 … PROGRAMS: its program; beyond: the reference
    PROGRAMS = 200
    REFERENCE = 255
    CACHED_HOSTS = 1 << 16
    CACHED_PORTS = 1 << 16
    MEMO = 4096
    COPIES = 2  # columns that one value fills

# What the last header is worth.
cdef enum:
    STALE  # read it
    STEADY  # reading it again has no effect
    ASK  # a line in between may have changed that

assert (OPS, SLOTS, DEPTH) == (MOST_OPS, MOST_SLOTS, DEEPEST)

cdef struct Operation:
    int op
    int a
    int b

cdef struct Program:
    int count
    int slots
    Operation ops[OPS]
    uint8_t literals[LITERALS]
    int columns[SLOTS][COPIES]  # -1: none

cdef struct Parsed:
    int64_t value[SLOTS]
    const uint8_t* start[SLOTS]
    int length[SLOTS]
    bint taken[SLOTS]
    uint8_t key[KEY]
    int key_length

cdef struct Option:
    int end
    int key_at
    bint committed
    const uint8_t* at


cdef inline bint digit(uint8_t c) noexcept nogil:
    return 48 <= c <= 57


cdef inline bint alnum(uint8_t c) noexcept nogil:
    return digit(c) or 65 <= c <= 90 or 97 <= c <= 122


cdef inline bint port_like(uint8_t c) noexcept nogil:
    return alnum(c) or c == b"_" or c == b"-"


cdef inline bint name_like(uint8_t c) noexcept nogil:
    return alnum(c) or c == b"_" or c == b"-" or c == b"."


cdef inline bint host_ends(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """No character that a host may hold, nor the colon of IPv6."""
    return p >= end or p[0] == b" " or p[0] == b"/" or p[0] == b"(" or p[0] == b")" or p[0] == b","


cdef const uint8_t* ipv4(
    const uint8_t* p, const uint8_t* end, int64_t* value
) noexcept nogil:
    """Past the address, NULL if it is none."""
    cdef int part, n, octet
    cdef int64_t address = 0
    for part in range(4):
        n = octet = 0
        while p < end and n < 4 and digit(p[0]):
            octet = octet * 10 + (p[0] - 48)
            n += 1
            p += 1
        if n == 0 or n > 3 or octet > 255 or (n == 3 and octet < 100) or (n == 2 and octet < 10):
            return NULL
        address = address << 8 | octet
        if part < 3:
            if p >= end or p[0] != b".":
                return NULL
            p += 1
    value[0] = address
    return p


cdef const uint8_t* number(
    const uint8_t* p, const uint8_t* end, int most, int64_t* value
) noexcept nogil:
    """Past up to `most` digits; NULL if there are none, or more."""
    cdef int n = 0
    cdef int64_t v = 0
    while p < end and digit(p[0]):
        if n == most:
            return NULL
        v = v * 10 + (p[0] - 48)
        n += 1
        p += 1
    value[0] = v
    return p if n else NULL


cdef const uint8_t* duration(
    const uint8_t* p, const uint8_t* end, int64_t* value
) noexcept nogil:
    cdef int64_t hours = 0
    p = number(p, end, 9, &hours)
    if p == NULL or end - p < 6 or p[0] != b":" or p[3] != b":":
        return NULL
    if not (digit(p[1]) and digit(p[2]) and digit(p[4]) and digit(p[5])):
        return NULL
    value[0] = (
        hours * 3600 + ((p[1] - 48) * 10 + (p[2] - 48)) * 60 + (p[4] - 48) * 10 + (p[5] - 48)
    )
    return p + 6


cdef const uint8_t* flags(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Past words of two to eight capitals with one blank between them; NULL in doubt."""
    cdef int words = 0, n
    while True:
        n = 0
        while p < end and 65 <= p[0] <= 90:
            n += 1
            p += 1
        words += 1
        if n < 2 or n > 8 or words > 12:
            return NULL
        if end - p < 2 or p[0] != b" " or not 65 <= p[1] <= 90:
            # Capitals after two blanks would go on; one word more is left to the regex.
            if end - p > 2 and p[0] == b" " and p[1] == b" " and 65 <= p[2] <= 90:
                return NULL
            return p
        p += 1


cdef const uint8_t* words(
    int op, const uint8_t* p, const uint8_t* end
) noexcept nogil:
    """Past a field of this kind, NULL in doubt."""
    cdef const uint8_t* start = p
    if op == IF_NAME:
        while p < end and name_like(p[0]):
            p += 1
        if p == start or p - start > 64 or p >= end or (p[0] != b":" and p[0] != b"/"):
            return NULL
    elif op == WORD:
        while p < end and p[0] != b" ":
            p += 1
        if p == start or p - start > FIELD:
            return NULL
    elif op == PROTO:
        while p < end and port_like(p[0]):
            p += 1
        if p == start or p - start > 24 or p - start == 8:  # "protocol" and a number may follow
            return NULL
    elif op == ACL:
        while p < end and p[0] != b" " and p[0] != b'"':
            p += 1
        if p == start or p - start > FIELD:
            return NULL
    elif op == FLAGS:
        return flags(p, end)
    elif op == DIRECTION:
        if end - p > 7 and (p[0] == b"i" or p[0] == b"I") and memcmp(p + 1, b"nbound", 6) == 0:
            return p + 7
        if end - p > 8 and (p[0] == b"o" or p[0] == b"O") and memcmp(p + 1, b"utbound", 7) == 0:
            return p + 8
        return NULL
    elif op == TAIL_IF:
        while p < end and (name_like(p[0]) or p[0] == b" "):
            p += 1
        if p == start or p != end or p - start > 63 or (p - 1)[0] == b".":
            return NULL
    elif op == REST:
        return end
    else:
        return NULL
    return p


cdef bint absent(
    int op, bint may_be_empty, const uint8_t* p, const uint8_t* end
) noexcept nogil:
    """The regex, too, finds no field of this kind here."""
    if p >= end:
        return not may_be_empty
    if op == FLAGS:
        return not 65 <= p[0] <= 90
    return op == WHO and p[0] != b"("


cdef bint run(
    const Program* program, const uint8_t* p, const uint8_t* end, Parsed* out
) noexcept nogil:
    """Does the body [p, end) fit?  Every byte of it is printable ASCII; no three blanks in a
    row; the last one is none."""
    cdef Option open[DEPTH]
    cdef int depth = 0, i = 0, k, op, a
    cdef const uint8_t* q
    cdef bint missed
    cdef int64_t value = 0
    for k in range(program.slots):
        out.taken[k] = False
    while i < program.count:
        op, a = program.ops[i].op, program.ops[i].a
        missed = False
        if op == LITERAL:
            k = program.ops[i].b
            missed = end - p < k or memcmp(p, &program.literals[a], k) != 0
            if not missed:
                p += k
        elif op == BLANK or op == BLANKS:
            q = p
            while p < end and p[0] == b" ":
                p += 1
            missed = op == BLANK and p == q
        elif op == OPTION:
            if depth == DEPTH or out.key_length >= KEY - 1:
                return False
            open[depth].end, open[depth].at = a, p
            open[depth].key_at, open[depth].committed = out.key_length, False
            out.key[out.key_length] = b"1"
            out.key_length += 1
            depth += 1
        elif op == OPTION_END:
            depth -= 1
            if depth:  # leaving this part out instead is a way the regex could still try
                open[depth - 1].committed = True
        elif op == BOUNDARY:
            if p < end and not (
                p[0] == b" " or p[0] == b"(" or p[0] == b")" or p[0] == b"," or p[0] == b";"
            ):
                return False
        elif absent(op, program.ops[i].b, p, end):
            missed = True
        elif HOST <= op <= DURATION:
            if op == HOST:
                q = ipv4(p, end, &value)
                if q != NULL and not host_ends(q, end):
                    return False
            elif op == PORT:
                q = number(p, end, 5, &value)
                if q != NULL and (value > 65535 or (q < end and port_like(q[0]))):
                    return False
            elif op == INT:
                q = number(p, end, 18, &value)
            else:
                q = duration(p, end, &value)
            if q == NULL:
                return False
            if a >= 0:
                out.value[a], out.start[a], out.length[a] = value, p, <int>(q - p)
                out.taken[a] = True
            p = q
            for k in range(depth):
                open[k].committed = True
        else:
            q = words(op, p, end)
            if q == NULL:
                return False
            if a:
                k = <int>(q - p)
                if k >= KEY - 1 - out.key_length:
                    return False
                memcpy(&out.key[out.key_length], p, k)
                out.key[out.key_length + k] = 0
                out.key_length += k + 1
            p = q
            for k in range(depth):
                open[k].committed = True
        if missed:
            if depth == 0 or open[depth - 1].committed:
                return False
            depth -= 1
            p, i = open[depth].at, open[depth].end
            out.key_length = open[depth].key_at + 1
            out.key[open[depth].key_at] = b"0"
        i += 1
    return p == end


cdef bint plain(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Printable ASCII without three blanks in a row.  Two bytes after `end` may be read."""
    cdef uint8_t bad = 0
    cdef Py_ssize_t i, n = end - p
    for i in range(n):
        bad |= <uint8_t>(p[i] - 32) > 94
    if bad:
        return False
    for i in range(n - 2):
        bad |= (p[i] == 32) & (p[i + 1] == 32) & (p[i + 2] == 32)
    return not bad


cdef bint strippable(uint8_t c) noexcept nogil:
    return c == b" " or c == b"\t" or c == b"\r" or c == 0


cdef class Lines:
    """Collects the events of one file in batches of `batch` rows.

    `reader`: `_events.Reader`; `columns`: names of an event's columns, in the order of its rows.
    """

    cdef object reader, headers, source
    cdef dict memo
    cdef list names, columns, hosts, ports, ids
    cdef readonly Py_ssize_t count  # rows collected
    cdef Py_ssize_t batch
    cdef Program* programs
    cdef uint8_t* index
    cdef uint32_t* host_of
    cdef list marks
    cdef bytes strange
    cdef int c_ts, c_device, c_line, c_text_ok
    # the last header
    cdef uint8_t prefix[LONGEST_PREFIX]
    cdef int prefix_length
    cdef int worth
    cdef bint dated
    cdef object prefix_text, ts, device

    def __cinit__(self, reader, columns, Py_ssize_t batch):
        grammar = reader.grammar
        self.reader, self.headers, self.source = reader, reader.headers, reader.source
        self.memo, self.names, self.batch = {}, list(columns), batch
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
        self.marks, self.ids = list(grammar.fast.marks), []
        self.strange = grammar.fast.strange
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
                    self._slow(number, text, NULL, -1, None)
            number += 1
            at = -1 if found == NULL else stop + 1
            if at < 0:
                break
        self.source.rows += rows
        return at, number

    def add(self, number, text):
        """Read one line that is given as text; not more than fit into the batch."""
        self.source.rows += 1
        self._slow(number, text, NULL, -1, None)

    cdef int _slow(self, number, text, const Parsed* parsed, int program, key) except -1:
        """Have the reference read a line, and learn from it what its words mean."""
        problems = self.source.problems.counts
        before = sum(problems.values()) if key is not None else 0
        row = self.reader.line(number, text)
        self.worth = ASK if self.worth != STALE and self.dated else STALE
        if key is not None and sum(problems.values()) == before:
            if len(self.memo) >= MEMO:
                self.memo.clear()
            self.memo[key] = self._meaning(row, parsed, program)
        if row is not None:
            self.source.used += 1
            for column, value in enumerate(row):
                if value is not None:
                    self._put(column, value)
            self.count += 1
        return 0

    cdef object _meaning(self, row, const Parsed* parsed, int program):
        """What all lines with the words of this row have in common: [(column, value)]; None if
        they are no events; False if they must be left to the reference."""
        cdef int k, i, column
        if row is None:
            return None
        if row[self.c_text_ok] != "full":
            return False
        own = {self.c_ts, self.c_device, self.c_line}
        for k in range(self.programs[program].slots):
            if not parsed.taken[k]:
                continue
            value = self._value(program, k, parsed)
            for i in range(COPIES):
                column = self.programs[program].columns[k][i]
                if column >= 0:
                    own.add(column)
                    if row[column] != value:
                        return False
        return [
            (column, value)
            for column, value in enumerate(row)
            if value is not None and column not in own
        ]

    cdef object _value(self, int program, int k, const Parsed* parsed):
        cdef int op = -1, i
        for i in range(self.programs[program].count):
            op = self.programs[program].ops[i].op
            if HOST <= op <= DURATION and self.programs[program].ops[i].a == k:
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
        cdef Py_ssize_t prefix = self.prefix_length
        cdef int i, k, op, column, program, msg_id
        cdef bint same
        cdef const Program* code
        if end - start > LONGEST_LINE or start[0] == b"{":
            return False
        same = (
            self.worth != STALE
            and end - start > prefix
            and start[prefix] == b"%"
            and memcmp(start, self.prefix, prefix) == 0
        )
        if same:
            tag = start + prefix
        else:
            tag = <const uint8_t*>memchr(start, b"%", end - start)
            if tag == NULL:
                return False
            prefix = tag - start
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
        if program == REFERENCE or not plain(p + 8, end):
            return False
        if program == FOREIGN:
            self._header(start, prefix, same, number)
            self._count_other(msg_id)
            return True
        program -= 1
        code = &self.programs[program]
        parsed.key[0], parsed.key[1] = <uint8_t>program, p[0]
        parsed.key_length = 2
        if not run(code, p + 10, end, &parsed):
            return False
        key = PyBytes_FromStringAndSize(<const char*>parsed.key, parsed.key_length)
        meaning = self.memo.get(key, 0)
        if meaning is False:
            return False
        if meaning == 0:
            text = PyUnicode_DecodeASCII(<const char*>start, end - start, NULL)
            self._slow(number, text, &parsed, program, key)
            return True
        self._header(start, prefix, same, number)
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
        if self.ts is not None:
            self._put(self.c_ts, self.ts)
        self._put(self.c_device, self.device)
        self._put(self.c_line, number)
        self.count += 1
        self.source.used += 1
        return True

    cdef const uint8_t* _mark(self, const uint8_t* tag, const uint8_t* end):
        cdef Py_ssize_t size
        for mark in self.marks:
            size = PyBytes_GET_SIZE(mark)
            if end - tag > size and memcmp(tag, PyBytes_AS_STRING(mark), size) == 0:
                return tag + size
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
        self, const uint8_t* start, Py_ssize_t length, bint same, long number
    ) except -1:
        """Time and device of the line; a header that repeats is not read again where the
        reference would find it in its memory, or the same after all."""
        if same and self.worth == ASK and self.headers.remembers(self.prefix_text):
            self.worth = STEADY
        if same and self.worth == STEADY:
            return 0
        text = PyUnicode_DecodeASCII(<const char*>start, length, NULL)
        problems = self.source.problems.counts
        before = sum(problems.values())
        follows = self.headers.follows
        self.ts, self.device = self.headers.read(text, number)
        if self.ts is not None:
            self.source.seen(self.ts)
        self.prefix_text = text
        memcpy(self.prefix, start, length)
        self.prefix_length = <int>length
        self.dated = self.headers.remembers(text)
        calm = follows and self.ts is not None and sum(problems.values()) == before
        self.worth = STEADY if self.dated or calm else STALE
        return 0


cdef bint printable(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end:
        if p[0] < 32 or p[0] > 126:
            return False
        p += 1
    return True
