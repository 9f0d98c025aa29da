# The interpreter of `_program`: where the values of a line stand, read straight from its bytes.
from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp, memcpy

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
    COPIES = 2  # columns that one value fills
    HEADERS = 64  # remembered: one for each priority and device that take turns
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

cdef struct Parsed:
    int64_t value[SLOTS]
    const uint8_t* start[SLOTS]
    int length[SLOTS]
    bint taken[SLOTS]
    uint8_t key[KEY]
    int key_length

cdef struct Header:
    uint8_t prefix[LONGEST_PREFIX]
    int length  # 0: none
    int64_t read  # `Lines.reads` when it was read, or last known to be remembered
    bint dated  # else its year depends on the headers before it
    bint calm  # reading it at once again would have no effect
    bint has_ts
    int64_t ts
    uint32_t origin

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


cdef inline const uint8_t* ipv4(
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


cdef inline const uint8_t* number(
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


cdef inline const uint8_t* duration(
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


cdef inline bint absent(
    int op, bint may_be_empty, const uint8_t* p, const uint8_t* end
) noexcept nogil:
    """The regex, too, finds no field of this kind here."""
    if p >= end:
        return not may_be_empty
    if op == FLAGS:
        return not 65 <= p[0] <= 90
    return op == WHO and p[0] != b"("


cdef inline bint run(
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


cdef inline int header_slot(const uint8_t* start, Py_ssize_t length) noexcept nogil:
    """By the first bytes, where a priority stands, and the last, where a device does."""
    cdef uint32_t first = 0, last = 0
    if length >= 8:
        memcpy(&first, start + 1, 4)
        memcpy(&last, start + length - 7, 4)
    return <int>((first * <uint32_t>2654435761 ^ last * <uint32_t>2246822519) >> 26)


cdef inline bint printable(const uint8_t* p, const uint8_t* end) noexcept nogil:
    while p < end:
        if p[0] < 32 or p[0] > 126:
            return False
        p += 1
    return True
