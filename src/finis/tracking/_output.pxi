# Part of `_follow.pyx`: the rows that following gives.

# --- rows given away -----------------------------------------------------------------------------

cdef packed struct Start:  # packed.START
    Event event
    int64_t row
    uint32_t device
    uint8_t orig
    uint8_t guessed
    uint16_t spare

cdef packed struct End:  # packed.END
    int64_t row
    int64_t ts
    int64_t line
    int64_t bytes
    double duration_s
    uint32_t has
    uint32_t words
    uint32_t origin
    uint16_t how
    uint16_t by

cdef packed struct Refusal:  # packed.REFUSAL
    Event event
    int64_t row
    int64_t copy_row
    int64_t log_row
    int64_t permit_line
    double lag_s
    double failover_s
    double reach_s
    uint32_t device
    uint32_t why
    uint32_t permit_words
    uint32_t permit_origin
    uint8_t seen
    uint8_t side
    uint8_t pending
    uint8_t icmp
    uint32_t spare

assert sizeof(Start) == packed.START.itemsize
assert sizeof(End) == packed.END.itemsize
assert sizeof(Refusal) == packed.REFUSAL.itemsize


cdef class Sheet:
    """Packed rows, in chunks."""

    cdef object kind, buffer
    cdef list chunks
    cdef char* base
    cdef int64_t count
    cdef Py_ssize_t size

    def __cinit__(self, kind):
        self.kind, self.size, self.chunks = kind, kind.itemsize, []
        self._begin()

    cdef int _begin(self) except -1:
        cdef uint8_t[::1] view
        self.buffer = np.empty(ROWS * self.size, np.uint8)
        view = self.buffer
        self.base, self.count = <char*>&view[0], 0
        return 0

    cdef int close(self, book) except -1:
        """End the chunk."""
        if self.count == ROWS:
            self.chunks.append((self.buffer.view(self.kind), book))
            self._begin()
        elif self.count:
            part = self.buffer[: self.count * self.size].copy()
            self.chunks.append((part.view(self.kind), book))
            self.count = 0
        return 0

    cdef list take(self, book):
        self.close(book)
        out, self.chunks = self.chunks, []
        return out


cdef struct TornLate:
    int64_t denial
    int64_t row
    double lag_s
    uint8_t side

cdef struct BuiltLater:
    int64_t denial
    double after_s


cdef class FastOutput:
    """`Output`, packed."""

    cdef Follower follower
    cdef Sheet starts, ends, denials
    cdef readonly object built, torn, linger
    cdef object lingered
    cdef list devices, hows, whys
    cdef dict device_codes, how_codes, why_codes

    def __cinit__(self, follower):
        self.follower = follower
        plain = Output()
        self.built, self.torn, self.linger = plain.built, plain.torn, plain.linger
        self.lingered = plain.lingered
        self.starts, self.ends = Sheet(packed.START), Sheet(packed.END)
        self.denials = Sheet(packed.REFUSAL)
        self.devices, self.hows, self.whys = [], [], [None]
        self.device_codes, self.how_codes, self.why_codes = {}, {}, {None: 0}

    def start(self, count, device, row, orig, how, ts, file, line):
        cdef Start* out = <Start*>self.follower.new_row(self.starts)
        if out == NULL:
            failed()
        memset(out, 0, sizeof(Start))
        self.follower.pack(row, &out.event)
        out.event.has &= ~<uint32_t>(HAS_TS | HAS_LINE)
        if ts is not None:
            out.event.ts = ts
            out.event.has |= HAS_TS
        if line is not None:
            out.event.line = line
            out.event.has |= HAS_LINE
        out.event.origin = self.follower.note_origin((row[eventrow.DEVICE], file))
        out.row, out.device = count, self.follower.note_device(device)
        out.orig, out.guessed = orig, how == "guessed"

    def end(self, count, row, how, by):
        cdef Event event
        self.follower.pack(row, &event)
        cdef End* out = <End*>self.follower.new_row(self.ends)
        if out == NULL:
            failed()
        write_end(out, &event, count, event.words, event.origin)
        out.how, out.by = self.follower.note_how(how), <int>BY[by]

    def denial(
        self, number, State device, row, copy_row, lag_s, seen, why, side, pending, failover_s,
        log_row, reach_s, permit,
    ):
        cdef Refusal* out = <Refusal*>self.follower.new_row(self.denials)
        if out == NULL:
            failed()
        memset(out, 0, sizeof(Refusal))
        self.follower.pack(row, &out.event)
        out.row, out.device = number, device.d.name
        out.copy_row = -1 if copy_row is None else copy_row
        out.log_row = -1 if log_row is None else log_row
        out.lag_s = NAN if lag_s is None else lag_s
        out.failover_s = NAN if failover_s is None else failover_s
        out.reach_s = NAN if reach_s is None else reach_s
        out.seen, out.side, out.pending = <int>SEEN[seen], <int>SIDE[side], pending
        out.why = self.note_why(why)
        acl, file, line = permit
        out.permit_words = out.permit_origin = NO_CODE
        out.permit_line = -1 if line is None else line
        if permit != (None, None, None):
            words = [None] * len(_packed.WORDS)
            words[AT["acl"]] = acl
            out.permit_words = self.follower.note_words(tuple(words))
            out.permit_origin = self.follower.note_origin((None, file))

    cdef uint32_t note_why(self, why) except? 99:
        code = self.why_codes.get(why)
        if code is None:
            if len(self.why_codes) > 4096:
                self.why_codes.clear()
            code = self.why_codes[why] = len(self.whys)
            self.whys.append(why)
        return code

    def sheets(self):
        """(starts, ends, denials, book), each united; for `parts.gathered`."""
        book = self.follower.book
        return (
            self.starts.take(book), self.ends.take(book), self.denials.take(book), self.devices,
            self.hows, self.whys, self.lingered(),
        )

    def connections(self):
        book = self.follower.book
        return packed.connections(
            self.starts.take(book), self.ends.take(book), self.lingered(), self.devices, self.hows
        )

    def refused(self):
        return packed.refused(self.denials.take(self.follower.book), self.devices, self.whys)


cdef inline void write_end(
    End* out, const Event* event, int64_t row, uint32_t words, uint32_t origin
) noexcept nogil:
    out.row, out.ts, out.line, out.bytes = row, event.ts, event.line, event.bytes
    out.has = event.has & (HAS_TS | HAS_LINE | HAS_BYTES)
    out.duration_s = event.duration_s
    if event.has & HAS_DURATION and 0 <= event.duration_s < 1e9:
        out.has |= HAS_DURATION
    out.words, out.origin = words, origin
