# Part of `_lines.pyx`: what words and headers mean, learnt from the lines that the reference reads.

cdef class Learner:
    """What is known of the lines of one file, and where the next row goes.

    `reader`: `_events.Reader`; `columns`: names of an event's columns, in the order of its rows.
    """

    cdef object reader, headers, source, book
    cdef Memo memo  # words of a program, or text of a message without one → template
    cdef Event* templates  # rows with all that words alone tell
    cdef int template_count
    cdef Program wordless
    cdef tuple word_columns, value_columns
    cdef dict place  # column → (offset in a row, bit)
    cdef int c_ts, c_device, c_line, c_text_ok
    cdef Program* programs
    cdef int program_count
    cdef uint8_t* index
    cdef Tree tree
    cdef Hosts hosts
    # Headers read before, by a hash of their bytes.
    cdef Header* headers_at
    cdef list texts
    cdef int64_t reads  # how often the reference has read a header, or may have
    cdef int64_t fresh  # number of the line whose header was just read
    # Rows collected.
    cdef readonly Py_ssize_t count
    cdef Event* rows
    cdef Py_ssize_t used
    # The line that stopped `Lines._run`.
    cdef uint8_t text[LONGEST_LINE + PADDING]  # a line that a program reads
    cdef const uint8_t* start
    cdef const uint8_t* end
    cdef const uint8_t* key
    cdef int key_length
    cdef int header, msg_id
    cdef const Program* code
    cdef Parsed parsed

    def __cinit__(self, reader, columns, Py_ssize_t batch):
        grammar = reader.grammar
        self.reader, self.headers, self.source = reader, reader.headers, reader.source
        at = {name: i for i, name in enumerate(columns)}
        self.c_ts, self.c_device = at["ts"], at["device"]
        self.c_line, self.c_text_ok = at["line"], at["text_ok"]
        self.word_columns = tuple(at[name] for name in _packed.WORDS)
        self.value_columns = tuple(
            (at[name], name) for name in (*_packed.BIT, *_packed.HOSTS) if name in at
        )
        fields = _packed.EVENT.fields
        self.place = {
            name: (fields[name][1], _packed.BIT.get(name, 0)) for _, name in self.value_columns
        }
        self.index = <uint8_t*>PyMem_Calloc(IDS, 1)
        self.programs = <Program*>PyMem_Calloc(PROGRAMS, sizeof(Program))
        self.templates = <Event*>PyMem_Calloc(MEMO, sizeof(Event))
        self.headers_at = <Header*>PyMem_Calloc(HEADERS, sizeof(Header))
        if (
            self.index == NULL or self.programs == NULL or self.templates == NULL
            or self.headers_at == NULL
            or memo_open(&self.memo, int.from_bytes(os.urandom(8), "little"))
            or tree_open(&self.tree)
            or hosts_open(&self.hosts, int.from_bytes(os.urandom(8), "little"))
        ):
            raise MemoryError
        for msg_id in (*grammar.messages, *grammar.special):
            if len(msg_id) == 6:
                self.index[int(msg_id)] = REFERENCE
        for msg_id, copies in grammar.fast.messages.items():
            self._add(msg_id, copies)
        self.texts = [None] * HEADERS
        self.fresh = -1
        self.parsed.hosts = &self.hosts
        self.book = _packed.Book()
        self._forget()

    def __dealloc__(self):
        PyMem_Free(self.programs)
        PyMem_Free(self.index)
        PyMem_Free(self.templates)
        PyMem_Free(self.headers_at)
        memo_close(&self.memo)
        tree_close(&self.tree)
        hosts_close(&self.hosts)

    cdef int _add(self, msg_id, copies) except -1:
        program = compile_program(self.reader.grammar.messages[msg_id].texts[0])
        cdef int n = self.program_count
        if n >= PROGRAMS or len(program.literals) > LITERALS or len(program.ops) > OPS:
            raise ValueError(msg_id)
        cdef Program* made = &self.programs[n]
        made.count, made.slots = len(program.ops), len(program.slots)
        for i, (op, a, b) in enumerate(program.ops):
            made.ops[i].op, made.ops[i].a, made.ops[i].b = op, a, b
            if HOST <= <int>op <= DURATION and a >= 0:
                made.kind[a] = op
        for i, c in enumerate(program.literals):
            made.literals[i] = c
        for i, name in enumerate(program.slots):
            filled = [name, *(column for column, copied in copies.items() if copied == name)]
            if len(filled) > COPIES:
                raise ValueError(msg_id)
            for n_copy in range(COPIES):
                made.offset[i][n_copy] = -1
            for n_copy, column in enumerate(filled):
                made.offset[i][n_copy], made.bit[i][n_copy] = self.place[column]
        self.program_count += 1
        self.index[int(msg_id)] = n + 1
        return 0

    cdef int _new_book(self) except -1:
        """Begin a new book; nothing of the old one is used again."""
        cdef int i
        self.book = _packed.Book()
        hosts_clear(&self.hosts)
        self._forget()
        for i in range(HEADERS):
            self.headers_at[i].length = self.headers_at[i].parts = 0
        return 0

    cdef int _forget(self) except -1:
        """Forget what words mean."""
        memo_clear(&self.memo)
        tree_clear(&self.tree)
        self.template_count = 0
        return 0

    cdef int _slow(self, number, text, bint learn) except -1:
        """Have the reference read a line, and learn from it what its words mean."""
        self._tell_hosts()
        problems = self.source.problems.counts
        before = sum(problems.values()) if learn else 0
        row = self.reader.line(number, text)
        self.reads += 1
        cdef bint calm = learn and sum(problems.values()) == before
        cdef Event* out = &self.rows[self.count]
        if row is not None:
            self.used += 1
            self._pack(row, out)
            self.count += 1
        if calm:
            if memo_full(&self.memo, self.key_length):
                self._forget()
            memo_put(&self.memo, self.key, self.key_length, self._meaning(row, out))
        return 0

    cdef int _pack(self, list row, Event* out) except -1:
        """Write a row of the reference."""
        memset(out, 0, sizeof(Event))
        book = self.book
        out.words = book.word(tuple([row[c] for c in self.word_columns]))
        out.origin = book.origin(row[self.c_device], self.source.path)
        for column, name in self.value_columns:
            value = row[column]
            if value is None:
                continue
            self._write(out, name, value)
        return 0

    cdef int _tell_hosts(self) except -1:
        """Put the addresses that were met into the book."""
        cdef Hosts* hosts = &self.hosts
        cdef Address* address
        cdef uint8_t out[LONGEST_IPV6]
        cdef uint32_t i
        texts = []
        for i in range(hosts.told, hosts.count):
            address = &hosts.addresses[i]
            if holds_ipv4(address):
                number = int(address.high) << 64 | address.low
                texts.append(IPv6Address(number).compressed)
            else:
                texts.append(
                    PyUnicode_DecodeASCII(<const char*>out, compressed(address, out), NULL)
                )
        hosts.told = hosts.count
        if texts:
            self.book.add_hosts(texts)
        return 0

    cdef uint64_t _host(self, text) except? 99:
        """The word of a host of the reference; an address has the same in lines to come."""
        cdef Address address
        cdef const uint8_t* p
        cdef bytes padded
        cdef uint64_t word = self.book.host(text)
        if len(self.book.hosts) == self.hosts.next_code:
            return word
        padded = text.encode("utf-8", "replace").ljust(LONGEST_IPV6 + PADDING)
        p = <const uint8_t*>PyBytes_AS_STRING(padded)
        if ipv6(p, &address) == p + len(text):
            code_of(&self.hosts, &address)
            self.hosts.told = self.hosts.count
        self.hosts.next_code = <uint32_t>len(self.book.hosts)
        return word

    cdef int _write(self, Event* out, str name, value) except -1:
        cdef Py_ssize_t offset
        cdef uint32_t bit
        offset, bit = self.place[name]
        cdef uint8_t* p = <uint8_t*>out + offset
        if bit == 0:
            (<uint64_t*>p)[0] = self._host(value)
        elif bit == HAS_DURATION:
            (<double*>p)[0] = value
        elif bit >= HAS_A_P:
            (<uint16_t*>p)[0] = value
        else:
            (<int64_t*>p)[0] = value
        out.has |= bit
        return 0

    cdef int _meaning(self, row, const Event* shown) except? -99:
        """The template of all lines with the words of this row; NO_EVENT if they are no events;
        LEAVE if they must be left to the reference."""
        cdef Event other
        cdef const Program* code = self.code
        cdef const Parsed* parsed = &self.parsed
        if row is None:
            return NO_EVENT
        if row[self.c_text_ok] != "full" or self.template_count >= MEMO:
            return LEAVE
        other = shown[0]
        # Written by the kernel's own reading of the line, the row must be the same.
        fill(code, parsed, &other)
        if memcmp(&other, shown, sizeof(Event)) != 0:
            return LEAVE
        other.ts = other.line = 0
        # Which values there are depends on the words: their bits stay.
        other.has &= ~<uint32_t>(HAS_TS | HAS_LINE)
        self.templates[self.template_count] = other
        self.template_count += 1
        return self.template_count - 1

    cdef int _header(self, long number) except -1:
        """Find time and device of the line that stopped.  A header is not read again where the
        reference would find it in its memory, or the same after all."""
        cdef int slot = self.header
        cdef Header* header = &self.headers_at[slot]
        cdef int length = <int>(self.end - self.start)
        if header.length == length and is_header(header, self.text) and header.kept:
            if self.headers.remembers(self.texts[slot]):
                header.read = self.reads
                return 0
        text = PyUnicode_DecodeASCII(<const char*>self.start, length, NULL)
        follows = self.headers.yearless
        ts, device = self.headers.read(text, number)
        standing = None
        if ts is not None:
            self.source.seen(ts)
            standing = self.headers.standing(text)
        self.reads += 1
        self.texts[slot] = text
        set_header(header, self.text, length)
        header.has_ts, header.ts = ts is not None, ts or 0
        header.origin = self.book.origin(device, self.source.path)
        header.read, header.kept = self.reads, self.headers.remembers(text)
        header.pure = standing is not None and (follows or standing[0])
        if header.pure:
            header.dated, header.day, clocks = standing
            if len(clocks) <= CLOCKS:
                for at, fraction in clocks:
                    set_clock(header, at, fraction)
        self.fresh = number
        return 0


cdef inline void fill(const Program* code, const Parsed* parsed, Event* row) noexcept nogil:
    """Write the values of a line."""
    cdef int k, i, kind
    cdef uint8_t* p
    for k in range(code.slots):
        if not parsed.taken[k]:
            continue
        kind = code.kind[k]
        for i in range(COPIES):
            if code.offset[k][i] < 0:
                break
            p = <uint8_t*>row + code.offset[k][i]
            row.has |= code.bit[k][i]
            if kind == PORT:
                (<uint16_t*>p)[0] = <uint16_t>parsed.value[k]
            elif kind == HOST or kind == INT:
                (<int64_t*>p)[0] = parsed.value[k]
            else:
                (<double*>p)[0] = <double>parsed.value[k]
