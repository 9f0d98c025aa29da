# Part of `_follow.pyx`: the rows that following gives.

assert sizeof(Start) == packed.START.itemsize
assert sizeof(End) == packed.END.itemsize
assert sizeof(Refusal) == packed.REFUSAL.itemsize
assert sizeof(Connection) == packed.CONNECTION.itemsize
assert sizeof(Refused) == packed.DENIAL.itemsize
assert sizeof(Conn) == 128 and sizeof(Ends) == 64 and sizeof(Denial) <= 256


cdef class FastOutput:
    """`Output`, packed.  `places`: where the connections are held that the reference was told of
    while it takes a line, by row; `lasting`: those it may come back to."""

    cdef Follower follower
    cdef Store* s
    cdef readonly dict places, lasting
    cdef list devices, hows, whys, books
    cdef dict device_codes, how_codes, why_codes, arrays

    def __cinit__(self, Follower follower):
        self.follower, self.s = follower, &follower.f.store
        self.places, self.lasting = {}, {}
        self.devices, self.hows, self.whys = [], [], [None]
        self.device_codes, self.how_codes, self.why_codes = {}, {}, {None: 0}
        self.books, self.arrays = [], {}

    cdef int new_book(self, book) except -1:
        """Rows to come have the codes of this book, and reasons of their own list."""
        cdef uint16_t at
        self.whys, self.why_codes = [None], {None: 0}
        if None in self.books:
            at = self.books.index(None)
            self.books[at] = (book, self.whys)
        else:
            at = len(self.books)
            if at == NO_BOOK:
                failed()
            self.s.rows_of = <uint32_t*>larger(self.s.rows_of, (at + 1) * sizeof(uint32_t))
            self.books.append((book, self.whys))
        self.s.rows_of[at] = 0
        self.s.book = at
        return 0

    @property
    def full(self):
        return len(self.whys) >= _packed.MOST

    cdef uint32_t note_why(self, why) except? 99:
        code = self.why_codes.get(why)
        if code is None:
            code = self.why_codes[why] = len(self.whys)
            self.whys.append(why)
        return code

    # --- from the reference ------------------------------------------------------------------

    def start(self, count, device, row, orig, how, ts, file, line):
        cdef Event event
        cdef Conn* c
        cdef uint32_t place
        self.follower.pack(row, &event)
        place = conn_new(self.s, count)
        if place == NOBODY:
            failed()
        c = conn_at(self.s, place)
        event.has &= ~<uint32_t>(HAS_TS | HAS_LINE)
        if ts is not None:
            event.ts = ts
            event.has |= HAS_TS
        if line is not None:
            event.line = line
            event.has |= HAS_LINE
        origin = self.follower.note_origin((row[eventrow.DEVICE], file))
        if set_start(self.s, c, &event, event.host, event.words, origin):
            failed()
        c.device, c.orig = self.follower.note_device(device), orig
        c.direction = UNSAID
        if how == "guessed":
            c.flags |= GUESSED
        self.places[count] = place
        list_place(self.s, &self.s.limbo, place)

    def end(self, count, row, how, by):
        cdef Event event
        cdef Conn* c = conn_at(self.s, self.follower.place(count))
        self.follower.pack(row, &event)
        if set_end(self.s, c, &event, event.words, event.origin):
            failed()
        c.how, c.by = self.follower.note_how(how), <int>BY[by]

    def linger(self, count, removed, certainty):
        cdef Conn* c = conn_at(self.s, self.follower.place(count))
        if removed is not None and not c.flags & REMOVED:
            if unfold(self.s, c) == NULL:
                failed()
            rest_of(self.s, c).removed_ts = removed
            c.flags |= REMOVED
        if certainty is not None and not c.flags & CERTAINTY:
            c.flags |= CERTAINTY | (IMPLIED if certainty == "implied" else 0)

    def denial(
        self, number, State device, row, copy_row, lag_s, seen, why, side, pending, failover_s,
        log_row, reach_s, permit,
    ):
        cdef uint32_t place = denial_new(self.s), first
        cdef Denial* d
        cdef Refusal* out
        if place == NOBODY or fresh_add(&device.d, number, place):
            failed()
        d = denial_at(self.s, place)
        out = &d.refusal
        memset(out, 0, sizeof(Refusal))
        self.follower.pack(row, &out.event)
        d.form = self.follower.f.words[out.event.words].form
        out.row, out.device = number, device.d.name
        out.copy_row = -1 if copy_row is None else copy_row
        out.log_row = -1 if log_row is None else log_row
        out.lag_s = NAN if lag_s is None else lag_s
        out.failover_s = NAN if failover_s is None else failover_s
        out.reach_s = NAN if reach_s is None else reach_s
        out.seen, out.side, out.pending = <int>SEEN[seen], <int>SIDE[side], pending
        out.why = self.note_why(why)
        acl, file, line = permit
        self.permitted(out, acl, file, line)
        if log_row is not None:
            d.conn = self.follower.place(log_row)
            hold(self.s, d.conn)
        d.lines_slice = head_of(&device.lines.m)
        if copy_row is not None:
            d.lines_slice = 0
            first = fresh_find(&device.d, copy_row)
            if first != NOBODY:
                d.copies = denial_at(self.s, first).copies
                denial_at(self.s, first).copies = place

    cdef int permitted(self, Refusal* out, acl, file, line) except -1:
        out.permit_words = out.permit_origin = NO_CODE
        out.permit_line = -1 if line is None else line
        if (acl, file, line) != (None, None, None):
            words = [None] * len(_packed.WORDS)
            words[AT["acl"]] = acl
            out.permit_words = self.follower.note_words(tuple(words))
            out.permit_origin = self.follower.note_origin((None, file))
        return 0

    def torn_later(self, State device, denial, row, side, lag_s):
        cdef uint32_t place = fresh_find(&device.d, denial)
        if place != NOBODY:
            torn_later(
                self.s, denial_at(self.s, place), row, self.follower.place(row), <int>SIDE[side],
                lag_s,
            )

    def built_later(self, State device, denial, after_s):
        cdef uint32_t place = fresh_find(&device.d, denial)
        if place != NOBODY:
            built_later(denial_at(self.s, place), after_s)

    # --- given away --------------------------------------------------------------------------

    @property
    def complete(self):
        """How many rows `take` would give."""
        from_limbo(self.s)
        return ready_conns(self.s) + list_count(&self.s.loose)

    @property
    def let_go(self):
        return self.s.let_go

    cdef object array(self, kind, count):
        """Room for rows; that of a part which nobody has kept is used again."""
        cdef object rows
        cdef list pool = self.arrays.setdefault(kind, [])
        for rows in pool:
            if len(rows) >= count and (<PyObject*>rows).ob_refcnt <= 2:  # here and in the pool
                return rows[:count]
        rows = np.empty(count + count // 8, kind)  # the next may be a little larger
        pool.append(rows)
        if len(pool) > ALIVE:
            del pool[0]
        return rows[:count]

    def take(self, most=None):
        """Complete rows as (connections, denials, book, devices, hows, reasons); at most that many
        connections with their denials, and denials without."""
        cdef int64_t conns, denials, loose
        from_limbo(self.s)
        conns, loose = ready_conns(self.s), list_count(&self.s.loose)
        if most is not None:
            conns, loose = min(conns, most), min(loose, most)
        denials = loose + denials_of(self.s, conns)
        of_conns = self.array(packed.CONNECTION, conns)
        of_denials = self.array(packed.DENIAL, denials)
        books = [np.zeros(count, np.uint16) for count in (conns, conns, denials)]
        cdef uint8_t[::1] conn_bytes, denial_bytes
        cdef uint16_t[::1] begun, ended, refused
        cdef Connection* to_conns = NULL
        cdef Refused* to_denials = NULL
        cdef uint16_t* in_books[3]
        in_books[:] = [NULL, NULL, NULL]
        if conns:
            conn_bytes, begun, ended = of_conns.view(np.uint8), books[0], books[1]
            to_conns = <Connection*>&conn_bytes[0]
            in_books[0], in_books[1] = &begun[0], &ended[0]
        if denials:
            denial_bytes, refused = of_denials.view(np.uint8), books[2]
            to_denials, in_books[2] = <Refused*>&denial_bytes[0], &refused[0]
        with nogil:
            give(self.s, conns, loose, to_conns, to_denials, in_books)
        if self.s.failed:
            failed()
        if self.books.count(None) == len(self.books) - 1:  # no rows have codes of another
            book, whys = self.books[self.s.book]
        else:
            book, whys = packed.one_book(of_conns, of_denials, books, self.books, self.s.book)
        cdef Py_ssize_t i
        for i in range(len(self.books)):
            if self.s.rows_of[i] == 0 and i != self.s.book:
                self.books[i] = None
        return of_conns, of_denials, book, self.devices, self.hows, whys


cdef enum:
    NO_BOOK = 0xFFFF
    ALIVE = 3  # parts that are made, wait and are judged at one time
