"""Templates as programs: what the kernel of lines (`_lines`) runs instead of regexes.

A program accepts only the plain form of a message: addresses (IPv6 without a zone), numeric ports,
interfaces of one word, single or double blanks.  Where it accepts, its fields are those the regex
of the same template finds; in any doubt it gives the line up, and the regex decides.  So:

* a field takes the longest run of its (narrower) characters, and what follows must be no character
  the regex would have gone on with;
* an optional part is left out only where its first bytes, blanks and literals alone, differ from
  what stands there: the regex could not have taken it either.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from functools import cache

from finis.records import dataclass
from finis.wire.dialects._template import COMPOSITES, DEFAULT_TOKENS, may_be_empty


class Op(IntEnum):
    """Operations; `a` and `b` as said."""

    LITERAL = 0  # a: offset in `literals`, b: length
    BLANK = 1  # one or two blanks
    BLANKS = 2  # none, one or two
    OPTION = 3  # an optional part begins; a: index of its OPTION_END
    OPTION_END = 4
    HOST = 5  # a: slot or -1
    PORT = 6  # a: slot or -1
    INT = 7  # a: slot or -1
    DURATION = 8  # a: slot or -1
    IF = 9  # for this and all below a: 1 if the text is a field
    WORD = 10
    PROTO = 11
    ACL = 12
    FLAGS = 13
    DIRECTION = 14
    TAIL_IF = 15
    REST = 16  # b: 1
    WHO = 17  # a user or group in parentheses
    BOUNDARY = 18  # a place ends here
    DOUBT = 19  # anything the kernel does not read; b: 1 if it may be empty
    ID_WHO = 20  # as WHO, but not the type of an ICMP message
    ICMP = 21  # what follows "(type "
    RING = 22  # absent, or in doubt
    WITH_PORTS = 23  # as PROTO, but not ICMP


_OPS = {
    "host": Op.HOST, "host_after_if": Op.HOST, "port": Op.PORT, "int": Op.INT,
    "duration": Op.DURATION, "if": Op.IF, "word": Op.WORD, "proto": Op.PROTO, "acl": Op.ACL,
    "flags": Op.FLAGS, "direction": Op.DIRECTION, "tail_if": Op.TAIL_IF, "rest": Op.REST,
    "who": Op.WHO, "id_who": Op.ID_WHO, "icmp": Op.ICMP, "ring": Op.RING,
    "with_ports": Op.WITH_PORTS, "end": Op.BOUNDARY,
}  # fmt: skip
_VALUES = (Op.HOST, Op.PORT, Op.INT, Op.DURATION)  # differ from line to line; all else is words
DEEPEST = 8  # optional parts within each other
MOST_OPS = 128
MOST_SLOTS = 16


@dataclass(frozen=True, slots=True)
class Program:
    """`ops`: (operation, a, b); `slots`: names of the columns that values fill."""

    ops: tuple[tuple[int, int, int], ...]
    literals: bytes
    slots: tuple[str, ...]


class _Compiler:
    def __init__(self) -> None:
        self.ops: list[tuple[int, int, int]] = []
        self.literals = b""
        self.slots: list[str] = []
        self.open: list[int] = []

    def text(self, text: str) -> None:
        i = 0
        while i < len(text):
            c = text[i]
            if c == "{":
                end = text.index("}", i)
                name, _, token = text[i + 1 : end].partition(":")
                if token in COMPOSITES:
                    self.text(COMPOSITES[token].replace("@", name))
                else:
                    self.field(name, token or DEFAULT_TOKENS[name])
                i = end
            elif c == "\\":
                i += 1
                self.literal(text[i])
            elif c == "[":
                self.open.append(len(self.ops))
                self.ops.append((Op.OPTION, 0, 0))
            elif c == "]":
                self.ops[self.open.pop()] = (Op.OPTION, len(self.ops), 0)
                self.ops.append((Op.OPTION_END, 0, 0))
            elif c in " ~":
                self.ops.append((Op.BLANK if c == " " else Op.BLANKS, 0, 0))
            elif c not in "«»":
                self.literal(c)
            i += 1

    def literal(self, c: str) -> None:
        if self.ops and self.ops[-1][0] == Op.LITERAL:
            _, at, length = self.ops[-1]
            self.ops[-1] = (Op.LITERAL, at, length + 1)
        else:
            self.ops.append((Op.LITERAL, len(self.literals), 1))
        self.literals += c.encode("ascii")

    def field(self, name: str, token: str) -> None:
        op = _OPS.get(token, Op.DOUBT)
        a = 1 if name else 0
        if op in _VALUES:
            a = -1
            if name:
                a = len(self.slots)
                self.slots.append(name)
        empty = op == Op.REST or (op == Op.DOUBT and may_be_empty(token))
        self.ops.append((op, a, int(empty)))


@cache  # every file of a log has a reader of its own
def compile_program(text: str) -> Program:
    """The program of one template.  Raises `ValueError` where it is too long for the kernel."""
    compiler = _Compiler()
    compiler.text(text)
    if len(compiler.ops) > MOST_OPS or len(compiler.slots) > MOST_SLOTS:
        raise ValueError(f"too long for a program: {text}")
    return Program(tuple(compiler.ops), compiler.literals, tuple(compiler.slots))


@dataclass(frozen=True, slots=True)
class Fast:
    """What of a grammar the kernel may read.

    `marks`: how a message tag begins, up to the severity.  A header that holds one of `strange`
    is left to the reference: its line may be quoted or be rewritten.  `messages`: id → columns
    that repeat others (``a_mapped_h`` → ``b_h``); of these messages every column that is no
    address, port or number must depend on the words of the line alone."""

    marks: tuple[bytes, ...]
    strange: bytes
    messages: Mapping[str, Mapping[str, str]]
