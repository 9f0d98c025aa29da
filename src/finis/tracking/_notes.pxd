# Segments that come to a connection at rest and are not followed until it is awakened: of a young
# one all there were (the SYN, its SYN ACK, the ACK that completes the handshake), and then plain ones
# (see `_plain.pxd`).  Each is written down behind the one before it; what following it will say of
# it is known from the few numbers of `struct Notes`.  Wherever in doubt the answer is NOT_NOTED,
# before anything was changed, and the connection is awakened.
#
# That pays where a segment hardly ever finds its connection awake: `t.crowd` says so.
from libc.stdint cimport int8_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from finis.wire.segment cimport Segment
from finis.tracking._codes cimport *
from finis.tracking._half cimport diff
from finis.tracking._plain cimport HOLDING
from finis.tracking._rest_kept cimport (
    ACK_MARKS, DATA_MARKS, Trail, load_one, store_numbers, store_one, store_perhaps,
)
from finis.tracking._slots cimport is_bare, keep_bare, keep_usual, too_much
from finis.tracking._state cimport (
    EARLY, LINE, LINES, RING, Flow, HalfHot, Hot, Kept, Notes, Tracker, bit_ack_known, bit_letter,
    bit_win_known, give, grab, line_at, slot,
)

cdef enum:
    ODD_NOTE = (
        NO_SEQ | NO_WIN | NO_TTL | BAD_CHECKSUM | COPY | RELATIVE_SEQ | TRUNCATED_HEADER
    )
    KINDS_OF_FLAGS = F_SYN | F_FIN | F_RST | F_ACK
    OF_OPTIONS = HAS_MSS | HAS_WSCALE | SACK_PERMITTED  # quirks of SYNs alone
    NOT_NOTED = 3  # no queue
    HANDSHAKE = 3  # segments
    NOTE = 128  # bytes of one at most, with some to spare
    DIRECT = LINES - 2  # lines
    ALL_NOTES = DIRECT * LINE + LINE - 4  # bytes of a connection that begins with them
    MORE_NOTES = 2 * (LINE - 4)  # bytes besides what there was
    NO_LAST = 127
    A_PIN = -1
    LASTS = ROLE_LAST_DATA | ROLE_LAST_ACK
    CROWDED = 64  # `t.crowd` of a quarter of the segments


# --- what the next is likely to be ---------------------------------------------------------------

cdef inline void trail_of(const Notes *notes, int64_t ts_ns, Trail *trail) noexcept nogil:
    """`ts_ns`: of the latest."""
    cdef int i
    trail.ts_ns, trail.frame, trail.file = ts_ns, notes.frame, notes.file
    for i in range(2):
        trail.seq[i], trail.tsval[i] = notes.seq[i], notes.tsval[i]
        trail.win[i], trail.ip_id[i] = notes.win[i], notes.ip_id[i]
        trail.ttl[i], trail.overhead[i] = notes.ttl[i], notes.overhead[i]
        trail.marks[i] = ACK_MARKS
        trail.marks[2 + i] = DATA_MARKS if notes.pushed >> i & 1 else DATA_MARKS & ~F_PSH
    if notes.base:
        pass
    elif notes.n == 0:
        trail.marks[0] = F_SYN | K_SYN << 9
    elif notes.n == 1:
        trail.marks[1] = F_SYN | F_ACK | K_SYN_ACK << 9
    for i in range(4):
        trail.quirks[i] = notes.quirks[i]


cdef inline void go_on_with(Notes *notes, int side, const Kept *k) noexcept nogil:
    """After this segment."""
    notes.file, notes.ttl[side], notes.overhead[side] = k.file, k.ttl, k.overhead
    if k.marks & F_SYN:
        go_on_after_syn(notes, side, k)
        return
    notes.quirks[side + (2 if k.payload_len else 0)] = <uint16_t>k.quirks
    if k.payload_len:
        notes.pushed &= <uint8_t>~(1 << side)
        notes.pushed |= (1 if k.marks & F_PSH else 0) << side
    foretell(notes, side, k.payload_len)
    notes.frame, notes.tsval[side], notes.win[side] = k.frame, k.tsval, k.win
    notes.ip_id[side] = k.ip_id + 1
    go_on_by(notes, side, k.payload_len, k.ack)


cdef inline void go_on_after_syn(Notes *notes, int side, const Kept *k) noexcept nogil:
    notes.overhead[side] = k.overhead - 8  # without the options of a SYN
    notes.quirks[side] = <uint16_t>(k.quirks & ~<uint32_t>OF_OPTIONS)
    notes.quirks[2 + side] = notes.quirks[side]
    notes.pushed |= 1 << side
    notes.frame, notes.tsval[side], notes.win[side] = k.frame, k.tsval, k.win
    notes.ip_id[side] = k.ip_id + 1
    notes.seq[side], notes.una[side] = k.seq + 1, k.seq
    if k.marks & F_ACK:
        notes.una[1 - side] = k.ack
    notes.n += 1


cdef inline void foretell(Notes *notes, int side, uint32_t payload_len) noexcept nogil:
    """As long as nothing else is known of the other side it is taken to be like this one."""
    cdef int other = 1 - side
    if not notes.acked >> other & 1:
        notes.overhead[other] = notes.overhead[side]
    if payload_len and notes.last[2 + other] == NO_LAST:
        notes.quirks[2 + other] = notes.quirks[2 + side]
        notes.pushed &= <uint8_t>(1 << side)
        notes.pushed |= <uint8_t>(notes.pushed >> side << other)


cdef inline void go_on_by(
    Notes *notes, int side, uint32_t payload_len, uint32_t ack
) noexcept nogil:
    notes.seq[side] += payload_len
    notes.una[1 - side] = ack
    notes.acked |= <uint8_t>(1 << side)
    notes.last[side + (2 if payload_len else 0)] = <int8_t>notes.n
    notes.n += 1


# --- writing -------------------------------------------------------------------------------------

cdef inline bint write(
    Tracker *t, Flow *f, Notes *notes, int64_t before_ns, int side, const Kept *k
) noexcept nogil:
    """Write it down behind those before it, the latest of which was at `before_ns`; False: no room."""
    cdef Trail trail
    cdef uint8_t[NOTE] bytes
    trail_of(notes, before_ns, &trail)
    if not append(t, f, notes, bytes, <int>(store_one(t, k, side, 0, 0, &trail, bytes) - bytes)):
        return False
    go_on_with(notes, side, k)
    return True


cdef inline bint is_usual(
    const Notes *notes, const Flow *f, const Segment *s, int side, bint payload
) noexcept nogil:
    """Is there nothing in it, besides numbers that always differ, but what the trail suggests?"""
    cdef uint32_t flags = F_ACK
    cdef uint64_t unusual
    if s.payload_len and notes.pushed >> side & 1:
        flags = F_ACK | F_PSH
    memcpy(&unusual, &s.sack_left, sizeof(uint64_t))  # and sack_right
    return (
        s.quirks == notes.quirks[side + (2 if s.payload_len else 0)] and s.flags == flags
        and s.ack == notes.seq[1 - side] and s.ttl == notes.ttl[side] and s.file == notes.file
        and s.ip_len - s.payload_len == notes.overhead[side]
        and s.head_len == (8 if payload else 0) and s.alert_desc == 0
        and not unusual | too_much(&s.src_p) | (s.point ^ f.point)
    )


cdef inline bint write_usual(
    Tracker *t, Flow *f, Notes *notes, int side, const Segment *s, bint payload
) noexcept nogil:
    """`write` and what `store_one` makes of such a segment, from the row."""
    cdef uint8_t[NOTE] bytes
    cdef uint32_t front
    cdef uint8_t *p = store_numbers(
        bytes + 2, &front, s.ts_ns - f.touched_ns, s.frame - notes.frame, s.payload_len,
        s.tsval - notes.tsval[side], s.tsecr - notes.tsval[1 - side],
    )
    p = store_perhaps(
        p, &front, side, &s.ip_id if s.ip_id != notes.ip_id[side] else NULL,
        &s.win if s.win != notes.win[side] else NULL, &s.head if payload else NULL,
        &s.payload_hash,
    )
    bytes[0], bytes[1] = <uint8_t>front, <uint8_t>(front >> 8)
    if not append(t, f, notes, bytes, <int>(p - bytes)):
        return False
    foretell(notes, side, s.payload_len)
    notes.frame, notes.tsval[side], notes.win[side] = s.frame, s.tsval, s.win
    notes.ip_id[side] = s.ip_id + 1
    go_on_by(notes, side, s.payload_len, s.ack)
    return True


cdef inline bint append(
    Tracker *t, Flow *f, Notes *notes, const uint8_t *bytes, int size
) noexcept nogil:
    """`NOTE` bytes may be read, of which `size` are told; False: no room."""
    cdef int left = left_in_line(notes)
    if notes.size + size > (notes.base + MORE_NOTES if notes.base else ALL_NOTES):
        return False
    if left >= 32 and size <= 32:  # no call for a number of bytes not known before
        memcpy(last_line(t, f) + LINE - left, bytes, 32)
        notes.size += <uint16_t>size
    else:
        append_bytes(t, f, notes, bytes, size)
    return True


cdef inline bint frequent(const Tracker *t, const Segment *s, uint32_t frame) noexcept nogil:
    """Would a connection be awake of which `frame` was the latest?"""
    return s.frame - frame <= t.n_awake


cdef inline bint may_be_noted(const Tracker *t, const Segment *s) noexcept nogil:
    return (
        s.ts_ns == t.now_ns and s.win != 0 and s.alert == AL_NONE and not s.quirks & ODD_NOTE
    )


cdef inline bint begins_notes(const Tracker *t, const Segment *s) noexcept nogil:
    """A SYN of a connection that is not known."""
    return (
        t.crowd >= CROWDED and s.flags & KINDS_OF_FLAGS == F_SYN and s.payload_len == 0
        and may_be_noted(t, s) and is_bare(s, s.point)
        and (s.src_p != s.dst_p or s.src_lo != s.dst_lo or s.src_hi != s.dst_hi)
    )


cdef inline void began(Segment *s, const Flow *f, int side, uint8_t kind) noexcept nogil:
    """What following it says of the segment."""
    s.side, s.conn, s.role, s.kind = <uint8_t>side, f.conn, 0, kind


cdef inline void note_syn(Tracker *t, Flow *f, Segment *s) noexcept nogil:
    cdef Kept *k
    began(s, f, 0, K_SYN)
    f.noted, f.short_line, f.n_lines = 1, 0, 1
    f.lines[0] = grab(&t.lines)
    k = <Kept *>line_at(t, f.lines[0])
    if keep_usual(k, s, f.point):
        keep_bare(k, s)
    f.n_kept = 1
    t.n_kept += 1
    t.missed += 1


cdef inline int note_answer(Tracker *t, Flow *f, Segment *s, int side) noexcept nogil:
    """The SYN ACK."""
    cdef Notes *notes = <Notes *>line_at(t, f.lines[0])
    cdef Kept first = (<const Kept *>notes)[0], k
    if (
        side == 0 or s.flags & KINDS_OF_FLAGS != F_SYN | F_ACK or s.ack != first.seq + 1
        or s.payload_len or not may_be_noted(t, s) or not is_bare(s, f.point)
        or frequent(t, s, first.frame)
    ):
        return NOT_NOTED
    began(s, f, side, K_SYN_ACK)
    if keep_usual(&k, s, f.point):
        keep_bare(&k, s)
    begin_notes(notes)
    write(t, f, notes, t.epoch_ns, 0, &first)
    write(t, f, notes, first.ts_ns, side, &k)
    f.n_kept = 2
    t.n_kept += 1
    return 0


cdef inline int note(Tracker *t, Flow *f, Segment *s, int side) noexcept nogil:
    """Write it down if it is plain; the queue in which its connection waits then, or NOT_NOTED."""
    cdef Notes *notes = <Notes *>line_at(t, f.lines[0])
    cdef Kept k
    cdef int32_t past
    cdef bint payload
    cdef uint8_t kind = K_DATA if s.payload_len else K_ACK
    if f.n_lines == 1:
        return note_answer(t, f, s, side)
    past = diff(s.ack, notes.una[1 - side])
    if (
        s.flags & KINDS_OF_FLAGS != F_ACK or s.seq != notes.seq[side] or past < 0
        or diff(s.ack, notes.seq[1 - side]) > 0 or not may_be_noted(t, s)
        or frequent(t, s, notes.frame)
    ):
        return NOT_NOTED
    if s.ts_ns - f.touched_ns <= COPY_NS and (
        notes.odd or (past == 0 and s.payload_len == 0)
    ):
        return NOT_NOTED  # perhaps a copy
    if notes.n < HANDSHAKE and not notes.base:
        if side or s.payload_len or s.ack != notes.seq[1]:
            return NOT_NOTED
    elif past == 0 and s.payload_len == 0:
        if notes.acked >> side & 1:
            if s.win != notes.win[side]:
                kind = K_WINDOW_UPDATE
            elif s.ack != notes.seq[1 - side]:
                return NOT_NOTED  # a duplicate ACK
    began(s, f, side, kind)
    payload = (s.head | s.payload_hash) != 0
    if kind != K_WINDOW_UPDATE and is_usual(notes, f, s, side, payload):
        if not write_usual(t, f, notes, side, s, payload):
            return NOT_NOTED
    elif keep_usual(&k, s, f.point) or not write(t, f, notes, f.touched_ns, side, &k):
        return NOT_NOTED
    t.n_kept -= f.n_kept
    f.n_kept = kept_of(notes)
    t.n_kept += f.n_kept
    return 2


cdef inline uint8_t kept_of(const Notes *notes) noexcept nogil:
    """How many are kept: the recent ones, and of others what lasts and the latest ACK and data of
    each side."""
    cdef int others = notes.n - RING if notes.n > RING else 0, i, at
    cdef int n = notes.n - others + notes.n_lasting
    cdef uint32_t lasting = notes.lasting
    for i in range(RING if others > RING else others):
        n += lasting >> i & 1
    for i in range(4):
        at = notes.last[i]
        n += at < others and (at < 0 or at >= RING or not lasting >> at & 1)
    return <uint8_t>n


# --- what may follow what there was --------------------------------------------------------------

cdef inline bint notes_after(const Tracker *t, const Hot *h, Notes *notes) noexcept nogil:
    """The notes of a connection that is awake, none having been written; False: none may be."""
    cdef const HalfHot *x
    cdef const HalfHot *r
    cdef uint32_t known = bit_ack_known() | bit_win_known()
    cdef int i, missing = 0
    memset(notes, 0, sizeof(Notes))
    if h.plain != 3 or h.relative:
        return False
    for i in range(2):
        x, r = &h.halves[i], &h.halves[1 - i]
        if (
            x.last_win0 or diff(x.una, x.low) < 0 or diff(x.nxt, x.una) < 0
            or x.nxt - x.low > FAR // 2
        ):
            return False
        if x.bits & known == known:
            if x.last_ack != r.una:
                return False
            notes.acked |= <uint8_t>(1 << i)
        missing += (x.bits & bit_letter(H_A) == 0) + (x.bits & bit_letter(H_D) == 0)
        notes.seq[i], notes.una[i], notes.win[i] = x.nxt, x.una, x.win
    if missing and h.n_history + missing > EARLY:
        return False
    notes.odd = h.odd != 0
    notes.frame, notes.file = h.last_frame, h.last_file
    return notes_of_kept(t, h, notes)


cdef inline bint notes_of_kept(const Tracker *t, const Hot *h, Notes *notes) noexcept nogil:
    cdef int i, side, at
    cdef uint32_t role
    for i in range(4):
        notes.last[i] = NO_LAST
    for i in range(h.n_pins):
        role = h.pins_role[i]
        if role & HOLDING & ~LASTS:
            notes.n_lasting += 1
        elif not is_last(notes, role, A_PIN):
            return False
    for i in range(h.ring_n):
        at = (h.ring_at + i) & (RING - 1)
        role = h.ring_role[at]
        if role & HOLDING & ~LASTS:
            notes.lasting |= <uint8_t>(1 << i)
        elif role & LASTS and not is_last(notes, role, i):
            return False
        side = role >> 15
        go_on_like(notes, side, slot(t, h.ring[at]))
    notes.n = h.ring_n
    return True


cdef inline bint is_last(Notes *notes, uint32_t role, int at) noexcept nogil:
    """Note which latest one it is; False if it is not one of them, or two."""
    cdef int which = (role >> 15) + (2 if role & ROLE_LAST_DATA else 0)
    if role & LASTS == 0 or role & LASTS == LASTS:
        return False
    notes.last[which] = <int8_t>at
    return True


cdef inline void go_on_like(Notes *notes, int side, const Kept *k) noexcept nogil:
    """The next of this side is like this one."""
    notes.tsval[side], notes.ip_id[side] = k.tsval, k.ip_id + 1
    notes.ttl[side], notes.overhead[side] = k.ttl, k.overhead
    notes.quirks[side + (2 if k.payload_len else 0)] = <uint16_t>k.quirks
    if k.payload_len:
        notes.pushed &= <uint8_t>~(1 << side)
        notes.pushed |= (1 if k.marks & F_PSH else 0) << side


cdef inline void rest_with_notes(
    Tracker *t, Flow *f, Notes *notes, const uint8_t *p, int size
) noexcept nogil:
    """Spread what there is over lines, so that notes may follow."""
    f.noted, f.short_line, f.n_lines = 1, 0, 0
    append_line(t, f)
    append_bytes(t, f, notes, p, size)
    notes.base = <uint16_t>size
    (<Notes *>line_at(t, f.lines[0]))[0] = notes[0]


# --- lines ---------------------------------------------------------------------------------------
# First the one with the notes, then DIRECT full ones, then a chain of which the last is known: in
# front of each stands the number of the one before it.

cdef inline int left_in_line(const Notes *notes) noexcept nogil:
    """Bytes that are free in the last line; 0: a new one is needed."""
    if notes.size < DIRECT * LINE:
        return -<int>notes.size & (LINE - 1)
    return (LINE - 4) - 1 - (notes.size - DIRECT * LINE + LINE - 4 - 1) % (LINE - 4)


cdef inline char *last_line(const Tracker *t, const Flow *f) noexcept nogil:
    return line_at(t, f.lines[(f.n_lines if f.n_lines < LINES else LINES) - 1])


cdef inline void append_line(Tracker *t, Flow *f) noexcept nogil:
    cdef uint32_t at = grab(&t.lines)
    if f.n_lines < LINES:
        f.lines[f.n_lines] = at
    else:
        (<uint32_t *>line_at(t, at))[0] = f.lines[LINES - 1]
        f.lines[LINES - 1] = at
    f.n_lines += 1


cdef inline void append_bytes(
    Tracker *t, Flow *f, Notes *notes, const uint8_t *bytes, int size
) noexcept nogil:
    cdef int left = left_in_line(notes), some
    while size:
        if left == 0:
            append_line(t, f)
            left = LINE if f.n_lines <= DIRECT + 1 else LINE - 4
        some = size if size < left else left
        memcpy(last_line(t, f) + LINE - left, bytes, some)
        notes.size += <uint16_t>some
        bytes += some
        size -= some
        left = 0


cdef inline void gather_notes(const Tracker *t, const Flow *f, uint8_t *p) noexcept nogil:
    """All but the first to `p`; of a SYN alone the first."""
    cdef int i, n = f.n_lines
    cdef uint32_t at = f.lines[LINES - 1]
    cdef const char *line
    if n == 1:
        memcpy(p, line_at(t, f.lines[0]), LINE)
    for i in range(1, n if n < DIRECT + 1 else DIRECT + 1):
        memcpy(p + (i - 1) * LINE, line_at(t, f.lines[i]), LINE)
    for i in range(n - DIRECT - 2, -1, -1):
        line = line_at(t, at)
        memcpy(p + DIRECT * LINE + i * (LINE - 4), line + 4, LINE - 4)
        at = (<const uint32_t *>line)[0]


cdef inline void give_notes(Tracker *t, const Flow *f) noexcept nogil:
    """Its lines are free again."""
    cdef int i, n = f.n_lines
    cdef uint32_t at = f.lines[LINES - 1], before
    for i in range(n if n < DIRECT + 1 else DIRECT + 1):
        give(&t.lines, f.lines[i])
    for i in range(n - DIRECT - 1):
        before = (<const uint32_t *>line_at(t, at))[0]
        give(&t.lines, at)
        at = before


# --- reading -------------------------------------------------------------------------------------

cdef inline void begin_notes(Notes *notes) noexcept nogil:
    """Of a connection that begins with a SYN."""
    cdef int i
    memset(notes, 0, sizeof(Notes))
    notes.lasting = (1 << HANDSHAKE) - 1
    for i in range(4):
        notes.last[i] = NO_LAST
    for i in range(2):
        notes.ttl[i] = 64
        notes.overhead[i] = 60
        notes.quirks[i] = HAS_TS | OF_OPTIONS | DF


cdef inline const uint8_t *read_note(
    Tracker *t, Notes *notes, int64_t before_ns, Kept *k, int *side, const uint8_t *p
) noexcept nogil:
    """The next of several."""
    cdef Trail trail
    cdef uint16_t role = 0
    cdef uint8_t sym = 0
    trail_of(notes, before_ns, &trail)
    p = load_one(t, k, &role, &sym, &trail, p)
    side[0] = role >> 15
    go_on_with(notes, side[0], k)
    return p
