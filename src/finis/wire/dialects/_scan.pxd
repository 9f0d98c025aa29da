# The interpreter of `_program`: where the values of a line stand, read straight from its bytes.
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memchr, memcmp, memcpy

from finis.wire.dialects._hosts cimport Hosts, host_like, host_word
from finis.wire.dialects._values cimport duration, number, short_number

# _program.Op
cdef enum:
    LITERAL, BLANK, BLANKS, OPTION, OPTION_END, HOST, PORT, INT, DURATION
    IF_NAME, WORD, PROTO, ACL, FLAGS, DIRECTION, TAIL_IF, REST, WHO, BOUNDARY, DOUBT
    ID_WHO, ICMP, RING, WITH_PORTS

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
    COPIES = 2  # columns that one value fills
    SPANS = 32  # values of one line, those without a column too
    PADDING = 32  # bytes that are no digits, after a line
    MARKS = 8
    MARK = 16  # bytes of one

cdef struct Operation:
    int op
    int a
    int b

cdef struct Program:
    int count
    int slots
    Operation ops[OPS]
    uint8_t literals[LITERALS]
    int kind[SLOTS]  # Op
    int offset[SLOTS][COPIES]  # in a row; -1: none
    uint32_t bit[SLOTS][COPIES]  # of `Event.has`

cdef struct Span:
    const uint8_t* start
    int length
    int op  # HOST … DURATION, or REST
    int slot  # -1: none

cdef struct Parsed:
    Hosts* hosts
    int64_t value[SLOTS]  # of a host its word
    bint taken[SLOTS]
    uint8_t key[KEY]
    int key_length
    # Where bytes stand that other lines may have otherwise and mean the same: values, and a rest
    # that is no word.
    Span spans[SPANS]
    int span_count
    bint unsure  # whether a part is left out may hang on the digits of a value
    const uint8_t* looked  # no byte after this was asked for, but to be in a span
    const uint8_t* doubted  # the last one whose answer another address might change, were it in one

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


cdef inline const uint8_t* flags(const uint8_t* p, const uint8_t* end) noexcept nogil:
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


cdef inline const uint8_t* words(
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
    elif op == PROTO or op == WITH_PORTS:
        if op == WITH_PORTS and end - p >= 4 and memcmp(p, b"icmp", 4) == 0:
            return NULL
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
    elif op == WHO or op == ID_WHO:
        return parenthesis(p, end)
    elif op == ICMP:
        return icmp(p, end)
    else:
        return NULL
    return p


cdef inline const uint8_t* parenthesis(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Past one that holds no other; NULL in doubt."""
    cdef const uint8_t* start = p
    p += 1
    while p < end and p[0] != b"(" and p[0] != b")":
        p += 1
    return NULL if p >= end or p[0] == b"(" or p - start >= FIELD else p + 1


cdef inline const uint8_t* icmp(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Past "8, code 0)"; NULL in doubt."""
    cdef int64_t value
    p = short_number(p, 3, &value)
    if p == NULL or end - p < 9 or memcmp(p, b", code ", 7) != 0:
        return NULL
    p = short_number(p + 7, 3, &value)
    return NULL if p == NULL or p >= end or p[0] != b")" else p + 1


cdef inline const uint8_t* absent(
    int op, bint may_be_empty, const uint8_t* p, const uint8_t* end
) noexcept nogil:
    """The last byte that was asked for where the regex, too, finds no field of this kind; else
    NULL."""
    cdef bint none = False
    if p >= end:
        none = not may_be_empty
    elif op == FLAGS:
        none = not 65 <= p[0] <= 90
    elif op == WHO:
        none = p[0] != b"("
    elif op == ID_WHO:
        if end - p >= 5 and memcmp(p, b"(type", 5) == 0:
            return p + 4
        none = p[0] != b"("
    elif op == RING:  # none without a colon
        while p < end and p[0] != b" " and p[0] != b":":
            p += 1
        none = p >= end or p[0] == b" "
    return p if none else NULL


cdef inline void doubt(Parsed* out, uint8_t c, const uint8_t* p) noexcept nogil:
    """What was asked at `p` hung on whether `c` stands there."""
    if host_like(c) and p > out.doubted:
        out.doubted = p


cdef inline bint missed_literal(
    const uint8_t* literal, int length, const uint8_t* p, const uint8_t* end, Parsed* out
) noexcept nogil:
    """Does something else stand here?"""
    cdef int i = 0
    if end - p >= length and memcmp(p, literal, length) == 0:
        return False
    while p + i < end and p[i] == literal[i]:  # they differ somewhere
        out.unsure |= digit(literal[i])
        doubt(out, literal[i], p + i)
        i += 1
    if p + i < end and host_like(p[i]):
        out.unsure |= digit(literal[i]) and digit(p[i])
        doubt(out, literal[i], p + i)
    if p + i > out.looked:
        out.looked = p + i
    return True


cdef inline void span(
    Parsed* out, int op, int slot, const uint8_t* start, const uint8_t* end
) noexcept nogil:
    if out.span_count == SPANS or (op == HOST and out.doubted >= start):
        out.unsure = True
        return
    out.spans[out.span_count].start, out.spans[out.span_count].length = start, <int>(end - start)
    out.spans[out.span_count].op, out.spans[out.span_count].slot = op, slot
    out.span_count += 1


cdef inline const uint8_t* field(
    int op, const uint8_t* p, const uint8_t* end, Hosts* hosts, int64_t* value
) noexcept nogil:
    """Past a value or words of this kind, NULL in doubt."""
    cdef const uint8_t* q
    if op == HOST:
        q = host_word(hosts, p, <uint64_t*>value)
        return NULL if q == NULL or not host_ends(q, end) else q
    if op == PORT:
        q = short_number(p, 5, value)
        return NULL if q == NULL or value[0] > 65535 or (q < end and port_like(q[0])) else q
    if op == INT:
        return number(p, 18, value)
    if op == DURATION:
        return duration(p, value)
    return words(op, p, end)


cdef inline bint run(
    const Program* program, const uint8_t* p, const uint8_t* end, Parsed* out
) noexcept nogil:
    """Does the body [p, end) fit?  Every byte of it is printable ASCII; no three blanks in a
    row; the last one is none; PADDING follows."""
    cdef Option open[DEPTH]
    cdef int depth = 0, i = 0, k, op, a
    cdef const uint8_t* q
    cdef bint missed
    cdef int64_t value = 0
    for k in range(program.slots):
        out.taken[k] = False
    out.span_count, out.unsure = 0, False
    out.looked, out.doubted = p, p - 1
    while i < program.count:
        op, a = program.ops[i].op, program.ops[i].a
        missed = False
        if op == LITERAL:
            k = program.ops[i].b
            missed = missed_literal(&program.literals[a], k, p, end, out)
            if not missed:
                p += k
        elif op == BLANK or op == BLANKS:
            q = p
            while p < end and p[0] == b" ":
                p += 1
            missed = op == BLANK and p == q
            if missed and p > out.looked:
                out.looked = p
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
            if p > out.looked:
                out.looked = p
        elif (q := absent(op, program.ops[i].b, p, end)) != NULL:
            missed = True
            if q > out.looked:
                out.looked = q
            if (op == FLAGS or op == RING) and q > out.doubted:
                out.doubted = q
        else:
            q = field(op, p, end, out.hosts, &value)
            if q == NULL:
                return False
            if HOST <= op <= DURATION:
                span(out, op, a, p, q)
                if a >= 0:
                    out.value[a] = value
                    out.taken[a] = True
            elif a:
                k = <int>(q - p)
                if k >= KEY - 1 - out.key_length:
                    return False
                memcpy(&out.key[out.key_length], p, k)
                out.key[out.key_length + k] = 0
                out.key_length += k + 1
            elif op == REST and q > p:
                span(out, op, -1, p, q)
            p = q
            if op == FLAGS:
                q += 2  # capitals after blanks
            if op != REST and q > out.looked:
                out.looked = q
            for k in range(depth):
                open[k].committed = True
        if missed:
            if depth == 0 or open[depth - 1].committed:
                return False
            depth -= 1
            for k in range(<int>(p - open[depth].at)):
                out.unsure |= digit(open[depth].at[k])
                doubt(out, open[depth].at[k], open[depth].at + k)
            p, i = open[depth].at, open[depth].end
            out.key_length = open[depth].key_at + 1
            out.key[open[depth].key_at] = b"0"
        i += 1
    return p == end


cdef inline bint plain(const uint8_t* p, const uint8_t* end) noexcept nogil:
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


cdef inline bint strippable(uint8_t c) noexcept nogil:
    return c == b" " or c == b"\t" or c == b"\r" or c == 0


cdef inline bint printable(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end:
        if p[0] < 32 or p[0] > 126:
            return False
        p += 1
    return True
