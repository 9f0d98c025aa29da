# Lines as they were met before: a tree of the bytes that all lines of one form share, with values
# between them.  A line that comes to an end of the tree says what the line said that the end was
# made for, but for its values: every byte that the interpreter (`_scan.run`) asked for is the same,
# or a digit of a value as before.  So such a line is read in one pass, whatever it is made of.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from finis.wire.dialects._hosts cimport Hosts, host_like, host_word
from finis.wire.dialects._scan cimport (
    DURATION,
    HOST,
    INT,
    LITERAL,
    PORT,
    REST,
    SPANS,
    Parsed,
    Program,
    digit,
)
from finis.wire.dialects._values cimport (
    duration,
    finis_again,
    finis_differ,
    finis_same,
    number,
    short_number,
)

cdef enum:
    NODES = 1 << 16
    TEXT = 1 << 21  # bytes of all nodes
    ENDS = 1 << 14
    MORE = 32  # columns that one line fills: SLOTS, each COPIES times
    NOTHING = LITERAL  # `Node.op` of a node that no value follows
    OVER = -1  # the line has ended
    HEAD = 16  # bytes that are compared at one time

cdef struct Node:
    uint8_t head[HEAD]  # the first of its bytes
    uint32_t at  # all of them
    uint16_t length  # at least 1
    uint16_t mask  # a bit for each of `head` that counts
    int32_t op  # what comes after them: NOTHING, HOST … DURATION, REST or OVER
    int32_t after  # a list of nodes after the value; or the end
    int32_t child  # a list of nodes for lines that go on in another way
    int32_t sibling  # the next in its list; 0: none

# What a line says that ends here.
cdef struct End:
    int32_t meaning  # template, or NO_EVENT
    int32_t msg_id
    bint foreign  # the message is none of ours, whatever it says
    int wides, narrows
    # Offset in a row of each value, and its place among those found: eight bytes, two bytes.
    uint8_t wide_at[MORE]
    uint8_t wide_of[MORE]
    uint8_t narrow_at[MORE]
    uint8_t narrow_of[MORE]

cdef struct Found:
    uint64_t wide[SPANS]
    uint16_t narrow[SPANS]
    const uint8_t* rest  # where bytes begin that may be any, NULL: the line is over

cdef struct Tree:
    Node* nodes  # the first is none
    uint8_t* text
    End* ends
    int32_t root  # a list
    int32_t node_count, end_count
    uint32_t used  # bytes of text


cdef inline int tree_open(Tree* tree) noexcept:
    tree.nodes = <Node*>calloc(NODES, sizeof(Node))
    tree.text = <uint8_t*>calloc(TEXT + HEAD, 1)
    tree.ends = <End*>calloc(ENDS, sizeof(End))
    tree_clear(tree)
    return -1 if tree.nodes == NULL or tree.text == NULL or tree.ends == NULL else 0


cdef inline void tree_close(Tree* tree) noexcept:
    free(tree.nodes)
    free(tree.text)
    free(tree.ends)


cdef inline void tree_clear(Tree* tree) noexcept nogil:
    tree.root, tree.node_count, tree.end_count, tree.used = 0, 1, 0, 0


cdef inline const End* follow(
    const Tree* tree, Hosts* hosts, const uint8_t** place, Found* found
) noexcept nogil:
    """The end that the line at `place` comes to, and in `place` what stands behind it; NULL if
    none.  At most as many bytes are read as the longest of the planted lines has, and some for each
    value."""
    cdef const uint8_t* p = place[0]
    cdef const uint8_t* q
    cdef const Node* node
    cdef int32_t at = tree.root
    cdef int op, wides = 0, narrows = 0
    cdef int64_t value = 0
    cdef double seconds
    # Addresses and ports are often printed twice: with what they are translated to.
    cdef const uint8_t* host = NULL
    cdef const uint8_t* port = NULL
    cdef int host_length = 0, port_length = 0
    cdef uint64_t last_host = 0
    cdef uint16_t last_port = 0
    cdef bint again = False
    while True:
        node = &tree.nodes[at]
        while finis_differ(node.head, p) & node.mask:  # of those in a list one fits at most
            if node.sibling == 0:
                return NULL
            node = &tree.nodes[node.sibling]
        if node.length > HEAD and not finis_same(
            tree.text + node.at + HEAD, p + HEAD, node.length - HEAD
        ):
            return NULL
        p += node.length
        at, op = node.after, node.op
        q = NULL
        if op == NOTHING:
            q = p
            at = node.child
        elif op == HOST:
            again = host != NULL and finis_again(p, host, host_length)
            if again:
                q = p + host_length
            else:
                q = host_word(hosts, p, &last_host)
                host, host_length = p, <int>(q - p)
            found.wide[wides] = last_host
            wides += 1
        elif op == PORT:
            if again and port != NULL and finis_again(p, port, port_length):
                q = p + port_length
            else:
                q = short_number(p, 5, &value)
                if q != NULL and value > 65535:
                    return NULL
                last_port = <uint16_t>value
                port, port_length = p, <int>(q - p)
            found.narrow[narrows] = last_port
            narrows += 1
        elif op == INT:
            q = number(p, 18, &value)
            found.wide[wides] = <uint64_t>value
            wides += 1
        elif op == DURATION:
            q = duration(p, &value)
            seconds = <double>value
            memcpy(&found.wide[wides], &seconds, 8)
            wides += 1
        else:
            found.rest = p if op == REST else NULL
            place[0] = p
            return &tree.ends[at]
        if q == NULL:  # no value: it may go on in another way, but not with a digit
            if digit(p[0]) or (op == HOST and host_like(p[0])):
                return NULL
            wides -= op != PORT
            narrows -= op == PORT
            q, at = p, node.child
            host = port = NULL
        p = q
        if at == 0:
            return NULL


cdef inline void _set_bytes(
    const Tree* tree, Node* node, uint32_t at, int length
) noexcept nogil:
    """These bytes of `Tree.text` are the node's."""
    node.at, node.length = at, <uint16_t>length
    node.mask = <uint16_t>((1 << min(length, HEAD)) - 1)
    memcpy(node.head, tree.text + at, HEAD)


cdef inline int32_t _grown(
    Tree* tree, int32_t* list, const uint8_t** place, const uint8_t* stop
) noexcept nogil:
    """The node whose bytes end at `stop`, made if it is not there; NULL bytes are none."""
    cdef const uint8_t* p = place[0]
    cdef Node* node
    cdef Node* lower
    cdef int32_t at
    cdef int common
    while True:
        at = list[0]
        while at and tree.nodes[at].head[0] != p[0]:
            list = &tree.nodes[at].sibling
            at = list[0]
        if at == 0:
            at = tree.node_count
            tree.node_count += 1
            list[0] = at
            node = &tree.nodes[at]
            memcpy(tree.text + tree.used, p, stop - p)
            _set_bytes(tree, node, tree.used, <int>(stop - p))
            node.op, node.after, node.child, node.sibling = NOTHING, 0, 0, 0
            tree.used += <uint32_t>(stop - p)
            place[0] = stop
            return at
        node = &tree.nodes[at]
        common = 1
        while (
            common < node.length and p + common < stop
            and tree.text[node.at + common] == p[common]
        ):
            common += 1
        if common < node.length:  # what stands below goes into a node of its own
            lower = &tree.nodes[tree.node_count]
            lower[0] = node[0]
            _set_bytes(tree, lower, node.at + common, node.length - common)
            lower.sibling = 0
            _set_bytes(tree, node, node.at, common)
            node.op, node.after, node.child = NOTHING, 0, tree.node_count
            tree.node_count += 1
        p += common
        if p == stop:
            place[0] = p
            return at
        list = &node.child


cdef inline bint _clash(const Tree* tree, const Node* node, int op) noexcept nogil:
    """Do lines go on here in a way that `op` would, too?"""
    cdef int32_t at = node.child
    if op == REST or op == OVER:
        return at != 0
    while at:
        if digit(tree.nodes[at].head[0]) or (op == HOST and host_like(tree.nodes[at].head[0])):
            return True
        at = tree.nodes[at].sibling
    return False


cdef inline void plant(
    Tree* tree, const uint8_t* p, const uint8_t* stop, const Program* code, const Parsed* parsed,
    int meaning, int msg_id, bint foreign
) noexcept nogil:
    """Remember the line whose message begins at `p`, with all up to the next line at `stop`;
    parsed by `code` (NULL: without values).  A foreign message has its rest at `stop`.  The last
    bytes of a line are no digits."""
    cdef int i, n = 0 if code == NULL else parsed.span_count, op
    cdef int32_t at
    cdef int32_t* list = &tree.root
    cdef const uint8_t* until
    cdef Node* node = NULL
    cdef End* end
    if (
        tree.node_count + 2 * (n + 1) > NODES or tree.used + (stop - p) > TEXT
        or tree.end_count == ENDS
    ):
        tree_clear(tree)
    for i in range(n + 1):
        if i < n:
            until, op = parsed.spans[i].start, parsed.spans[i].op
        else:
            until, op = stop, REST if foreign else OVER
        if until == p:
            return  # two values with nothing between them
        at = _grown(tree, list, &p, until)
        node = &tree.nodes[at]
        if node.op == NOTHING:
            if _clash(tree, node, op):
                return
            node.op = op
        elif node.op != op or op == REST or op == OVER:
            return
        if op == REST or op == OVER:
            break
        p = until + parsed.spans[i].length
        list = &node.after
    node.after = tree.end_count
    end = &tree.ends[tree.end_count]
    tree.end_count += 1
    end.meaning, end.msg_id, end.foreign = meaning, msg_id, foreign
    end.wides = end.narrows = 0
    if n:
        _columns(end, code, parsed)


cdef inline void _columns(End* end, const Program* code, const Parsed* parsed) noexcept nogil:
    """Where the values of a line go."""
    cdef int i, k, slot, wides = 0, narrows = 0
    for i in range(parsed.span_count):
        slot = parsed.spans[i].slot
        for k in range(2):
            if slot < 0 or code.offset[slot][k] < 0:
                break
            if parsed.spans[i].op == PORT:
                end.narrow_at[end.narrows] = <uint8_t>code.offset[slot][k]
                end.narrow_of[end.narrows] = <uint8_t>narrows
                end.narrows += 1
            else:
                end.wide_at[end.wides] = <uint8_t>code.offset[slot][k]
                end.wide_of[end.wides] = <uint8_t>wides
                end.wides += 1
        if parsed.spans[i].op == PORT:
            narrows += 1
        elif parsed.spans[i].op != REST:
            wides += 1
