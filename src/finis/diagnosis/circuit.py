"""Rules as circuits: the expressions of all causes taken apart into their AND, OR, NOT and the
comparisons these join, each of them once.  Comparisons are evaluated by NumPy, those of words on
the few words there are; what joins them by whole bitmaps, 64 rows at a time.

What is not understood here (another function, another release's notation) is left to Polars as it
stands, so that the outcome is the one of `engine.judge_table`; only the time differs.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from finis.correlation.columns import Column, menu
from finis.correlation.keys import Array
from finis.tables import Column as Described
from finis.tables import polars_schema

_COMPARE = {
    "Eq": np.equal, "NotEq": np.not_equal, "Lt": np.less, "LtEq": np.less_equal,
    "Gt": np.greater, "GtEq": np.greater_equal,
}  # fmt: skip
_COMPUTE = {"Plus": np.add, "Minus": np.subtract, "Multiply": np.multiply, "Negate": np.negative}
_NUMBERS = ("i8", "f8")
_LONG_LIST = re.compile(r"\[(?:\d+,){8,}\d+\]")  # values in Arrow's format, a byte a number

Tree = Any  # an expression as Polars writes it down in JSON
Node = tuple[Any, ...]


class _UnknownError(Exception):
    """Something that is left to Polars."""


_Answers = Sequence[Array]


# What an expression that is written down in another way makes of those who read it.
_NOT_UNDERSTOOD = (_UnknownError, AttributeError, IndexError, KeyError, TypeError, ValueError)


class Bits(NamedTuple):
    """A Boolean per row: where it is true and where it is false; null is neither.  64 rows a word;
    bits beyond the last row say nothing."""

    true: Array
    false: Array


def packed(flags: Array) -> Array:
    """Flags as words of 64."""
    raw = np.packbits(flags, bitorder="little")
    if not len(raw) % 8:
        return raw.view(np.uint64)
    words = np.zeros(-(-len(flags) // 64), np.uint64)
    words.view(np.uint8)[: len(raw)] = raw
    return words


def unpacked(words: Array, count: int) -> Array:
    """The reverse of `packed`."""
    flags: Array = np.unpackbits(words.view(np.uint8), count=count, bitorder="little").view(bool)
    return flags


class Circuit:
    """Expressions over the columns described, compiled as they are added."""

    def __init__(self, columns: Iterable[Described]) -> None:
        columns = tuple(columns)
        self.types = {column.name: column.type for column in columns}
        self.schema = polars_schema(columns)
        self.nodes: list[Node] = []  # children first
        self._place: dict[Node, int] = {}
        self._lists: dict[str, int] = {}
        self.left: list[pl.Expr] = []  # to Polars
        self.of_words: list[tuple[str, pl.Expr]] = []  # column of words, what is asked of them
        self.answers: dict[tuple[int, int], tuple[pl.Series, _Answers]] = {}

    # --- compiling -----------------------------------------------------------------------------

    def add(self, expr: pl.Expr) -> int:
        """A condition; the number to ask for its outcome by."""
        try:
            return self._condition(self._tree(expr))
        except _NOT_UNDERSTOOD:
            return self._left(expr.cast(pl.Boolean))

    def add_level(self, expr: pl.Expr | int, unknown: int) -> int:
        """The same for a small number or an expression of one, where null stands for `unknown`."""
        if isinstance(expr, int):
            return self._node("level", int(expr))
        try:
            return self._level(self._tree(expr))
        except _NOT_UNDERSTOOD:
            self.left.append(expr.fill_null(unknown).cast(pl.UInt8))
            return self._node("left level", len(self.left) - 1)

    def _tree(self, expr: pl.Expr) -> Tree:
        try:
            text = expr.meta.serialize(format="json")
        except Exception as error:  # whatever another release raises
            raise _UnknownError from error
        return json.loads(_LONG_LIST.sub(self._listed, text))

    def _listed(self, found: re.Match[str]) -> str:
        return f'"list {self._lists.setdefault(found[0], len(self._lists))}"'

    def _expr(self, tree: Tree) -> pl.Expr:
        lists = list(self._lists)
        text = re.sub(r'"list (\d+)"', lambda m: lists[int(m[1])], json.dumps(tree))
        return pl.Expr.deserialize(io.StringIO(text), format="json")

    def _node(self, *node: Any) -> int:
        if node not in self._place:
            self._place[node] = len(self.nodes)
            self.nodes.append(node)
        return self._place[node]

    def _condition(self, tree: Tree) -> int:
        ((kind, what),) = tree.items()
        if kind == "Column" and self.types.get(what) == "bool":
            return self._node("flag", what)
        if kind == "Literal":
            value = what.get("Scalar", {}).get("Boolean")
            if value is None:
                raise _UnknownError
            return self._node("always", value)
        if kind == "Alias":
            return self._condition(what[0])
        if kind == "BinaryExpr" and what["op"] in ("And", "Or", "Xor"):
            sides = self._condition(what["left"]), self._condition(what["right"])
            return self._node(what["op"], *sides)
        if kind == "Ternary":
            parts = (what["predicate"], what["truthy"], what["falsy"])
            return self._node("choose", *(self._condition(part) for part in parts))
        if kind == "Function" and (found := self._function(what)) is not None:
            return found
        if kind == "BinaryExpr" and what["op"] not in _COMPARE:
            raise _UnknownError
        return self._comparison(tree)

    def _function(self, what: Tree) -> int | None:
        name, given = what["function"], what["input"]
        if name == "FillNull" and len(given) == 2 and "Literal" in given[1]:
            value = given[1]["Literal"].get("Scalar", {}).get("Boolean")
            if value is not None:
                return self._node("fill", self._condition(given[0]), value)
        if not isinstance(name, dict) or "Boolean" not in name:
            return None
        name = name["Boolean"]
        if name == "Not":
            return self._node("Not", self._condition(given[0]))
        if name in ("AnyHorizontal", "AllHorizontal"):
            found = [self._condition(one) for one in given]
            while len(found) > 1:
                found[:2] = [self._node("Or" if name[1] == "n" else "And", *found[:2])]
            return found[0]
        if name in ("IsNull", "IsNotNull") and "Column" in given[0]:
            known = self._node("known", given[0]["Column"])
            return known if name == "IsNotNull" else self._node("Not", known)
        return None

    def _comparison(self, tree: Tree) -> int:
        """What is no longer a condition of conditions."""
        ((kind, what),) = tree.items()
        try:
            if kind == "BinaryExpr" and what["op"] in _COMPARE:
                sides = self._number(what["left"]), self._number(what["right"])
                return self._node("compare", what["op"], *sides)
            if kind == "Function" and self.types.get(what["input"][0]["Column"]) in _NUMBERS:
                return self._member(what["function"], *what["input"])
        except _NOT_UNDERSTOOD:
            pass
        names = {*_columns(tree)}
        if len(names) != 1 or self.types.get(min(names)) != "text":
            return self._left(self._expr(tree))
        key = "words", json.dumps(tree)
        if key not in self._place:
            self.of_words.append((min(names), self._expr(tree)))
            self._place[key] = self._node(*key, len(self.of_words) - 1)
        return self._place[key]

    def _member(self, function: Tree, column: Tree, *listed: Tree) -> int:
        """Is a number one of these?"""
        if function != {"Boolean": {"IsIn": {"nulls_equal": False}}} or _columns(list(listed)):
            raise _UnknownError
        values = pl.select(self._expr(listed[0])).to_series().explode().to_list()
        if not all(type(value) is int for value in values):
            raise _UnknownError
        return self._node("member", self._number(column), tuple(values))

    def _left(self, expr: pl.Expr) -> int:
        self.left.append(expr)
        return self._node("left", len(self.left) - 1)

    def _number(self, tree: Tree) -> Node:
        ((kind, what),) = tree.items()
        if kind == "Column" and self.types.get(what) in _NUMBERS:
            return "column", what
        if kind == "Literal" and isinstance(what.get("Dyn"), dict):
            ((_, value),) = what["Dyn"].items()
            if type(value) in (int, float):
                return "number", value
        if kind == "Function" and what["function"] == "Negate":
            return "Negate", self._number(what["input"][0])
        if kind == "Function" and what["function"] == "FillNull" and len(what["input"]) == 2:
            column, value = (self._number(one) for one in what["input"])
            if column[0] == "no less":  # never null
                return column
            if column[0] == "column" and value[0] == "number" and type(value[1]) is int:
                return "instead", column[1], value[1]
        if kind == "Function" and what["function"] == "MaxHorizontal" and len(what["input"]) == 2:
            number, value = (self._number(one) for one in what["input"])
            if value[0] == "number":
                return "no less", number, value[1]
        if kind == "BinaryExpr" and what["op"] in _COMPUTE:
            return what["op"], self._number(what["left"]), self._number(what["right"])
        raise _UnknownError

    def _level(self, tree: Tree) -> int:
        ((kind, what),) = tree.items()
        if kind == "Literal" and isinstance(what.get("Dyn"), dict) and "Int" in what["Dyn"]:
            return self._node("level", what["Dyn"]["Int"])
        if kind == "Ternary":
            return self._node(
                "choose level",
                self._condition(what["predicate"]),
                self._level(what["truthy"]),
                self._level(what["falsy"]),
            )
        raise _UnknownError


def _columns(tree: Tree) -> list[str]:
    """Names of the columns that an expression reads."""
    if isinstance(tree, dict):
        name = tree.get("Column")
        return [name] if isinstance(name, str) else _columns(list(tree.values()))
    return [name for part in tree for name in _columns(part)] if isinstance(tree, list) else []


# --- evaluating ----------------------------------------------------------------------------------


class Outcome:
    """What a circuit says of a batch of rows."""

    def __init__(self, circuit: Circuit, facts: Mapping[str, Column], count: int) -> None:
        self.circuit, self.facts, self.count = circuit, facts, count
        self._none = np.zeros(-(-count // 64), np.uint64)
        self._valid: dict[str, Array | None] = {}
        self._placed: dict[str, Array] = {}
        self._words: dict[tuple[str, int], Array] = {}
        self._left = self._left_to_polars()
        self._found: list[Any] = []
        for kind, *what in circuit.nodes:
            self._found.append(_OPERATIONS[kind](self, *what))

    def holds(self, number: int) -> Array:
        """Where a condition is true, as words."""
        found: Array = self._found[number].true
        return found

    def levels(self, number: int) -> Mapping[int, Array]:
        """Per level where an expression has it."""
        found: Mapping[int, Array] = self._found[number]
        return found

    def _left_to_polars(self) -> list[pl.Series]:
        asked = self.circuit.left
        if not asked:
            return []
        names = {name for expr in asked for name in expr.meta.root_names()}
        made = {"": pl.repeat(True, self.count, eager=True)}  # what asks nothing is as long too
        for name in names:
            kind, column = self.circuit.schema[name], self.facts.get(name)
            none = pl.Series([None], dtype=kind)
            made[name] = (
                none.new_from_index(0, self.count) if column is None else column.series().cast(kind)
            )
        told = pl.DataFrame(made).select("", *(e.alias(f"{n}") for n, e in enumerate(asked)))
        return told.get_columns()[1:]

    # One method per kind of node.

    def flag(self, name: str) -> Bits:
        column = self.facts.get(name)
        if column is None:
            return Bits(self._none, self._none)
        return self._known(packed(column.values), [name])

    def known(self, name: str) -> Bits:
        if name not in self.facts:
            return Bits(self._none, ~self._none)
        valid = self.valid(name)
        true = ~self._none if valid is None else valid
        return Bits(true, ~true)

    def valid(self, name: str) -> Array | None:
        """Where a column that there is is not null; None for everywhere."""
        if name not in self._valid:
            valid = self.facts[name].valid
            self._valid[name] = None if valid is None else packed(valid)
        return self._valid[name]

    def _known(self, true: Array, names: Iterable[str]) -> Bits:
        """What is true and else false, but null where one of the columns is."""
        false = ~true
        for name in names:
            if (known := self.valid(name)) is not None:
                true, false = true & known, false & known
        return Bits(true, false)

    def words(self, _: str, number: int) -> Bits:
        name = self.circuit.of_words[number][0]
        column = self.facts.get(name)
        if column is None:
            answers = _asked_of(menu(None), self.circuit, number)
            return Bits(*(~self._none if answer[0] else self._none for answer in answers))
        answers = _asked_of(_menu(column), self.circuit, number)
        if len(_menu(column)) > FEW_WORDS:
            return Bits(*(packed(answer[self._places(name, column)]) for answer in answers))
        return Bits(*(self._any(name, column, answer) for answer in answers))

    def _places(self, name: str, column: Column) -> Array:
        """Places of words in the menu, its length for null."""
        if name not in self._placed:
            places = column.values
            if column.valid is not None:
                places = np.where(column.valid, places, len(_menu(column)))
            self._placed[name] = places
        return self._placed[name]

    def _any(self, name: str, column: Column, answer: Array) -> Array:
        """Where the word is one of those that the answer is true of."""
        true = np.flatnonzero(answer).tolist()
        if 2 * len(true) > len(answer):
            return ~self._any(name, column, ~answer)
        out = self._none
        for word in true:
            if (name, word) not in self._words:
                self._words[name, word] = packed(self._places(name, column) == word)
            out = out | self._words[name, word]
        return out

    def compare(self, operation: str, left: Node, right: Node) -> Bits:
        if any(name not in self.facts for name in (*_named(left), *_named(right))):
            return Bits(self._none, self._none)
        (a, known), (b, also) = self._number(left), self._number(right)
        return self._known(packed(_COMPARE[operation](a, b)), known | also)

    def member(self, number: Node, values: tuple[int, ...]) -> Bits:
        if any(name not in self.facts for name in _named(number)):
            return Bits(self._none, self._none)
        found, known = self._number(number)
        return self._known(packed(np.isin(found, values)), known)

    def _number(self, node: Node) -> tuple[Any, frozenset[str]]:
        """Numbers, and the columns whose nulls they share."""
        kind, *what = node
        if kind == "number":
            return what[0], frozenset()
        if kind == "column":
            return self.facts[what[0]].values, frozenset(what)
        if kind == "instead":
            column = self.facts.get(what[0])
            if column is None:
                return np.full(self.count, what[1]), frozenset()
            if column.valid is None:
                return column.values, frozenset()
            return np.where(column.valid, column.values, what[1]), frozenset()
        if kind == "no less":
            return self._no_less(*what), frozenset()
        sides = [self._number(side) for side in what]
        wide = [_wide(values) for values, _ in sides]
        with np.errstate(over="ignore"):
            return _COMPUTE[kind](*wide), frozenset().union(*(known for _, known in sides))

    def _no_less(self, node: Node, least: float) -> Array:
        """The greater of two numbers, or the one that there is."""
        if any(name not in self.facts for name in _named(node)):
            return np.full(self.count, least)
        values, known = self._number(node)
        found: Array = np.maximum(values, least)
        for valid in (self.facts[name].valid for name in known):
            found = found if valid is None else np.where(valid, found, least)
        return found

    def left(self, number: int) -> Bits:
        column = self._left[number]
        if column.dtype != pl.Boolean:
            raise TypeError(f"no condition: {self.circuit.left[number]}")
        true, false = column.fill_null(False), (~column).fill_null(False)
        return Bits(packed(true.to_numpy()), packed(false.to_numpy()))

    def left_level(self, number: int) -> dict[int, Array]:
        values = self._left[number].to_numpy()
        return {int(level): packed(values == level) for level in np.unique(values)}

    def always(self, value: bool) -> Bits:
        true, false = (~self._none, self._none) if value else (self._none, ~self._none)
        return Bits(true, false)

    def both(self, a: int, b: int) -> Bits:
        x, y = self._found[a], self._found[b]
        return Bits(x.true & y.true, x.false | y.false)

    def either(self, a: int, b: int) -> Bits:
        x, y = self._found[a], self._found[b]
        return Bits(x.true | y.true, x.false & y.false)

    def one(self, a: int, b: int) -> Bits:
        x, y = self._found[a], self._found[b]
        return Bits(x.true & y.false | x.false & y.true, x.true & y.true | x.false & y.false)

    def inverse(self, a: int) -> Bits:
        x = self._found[a]
        return Bits(x.false, x.true)

    def fill(self, a: int, value: bool) -> Bits:
        x = self._found[a]
        return Bits(~x.false, x.false) if value else Bits(x.true, ~x.true)

    def choose(self, predicate: int, then: int, otherwise: int) -> Bits:
        when, x, y = self._found[predicate].true, self._found[then], self._found[otherwise]
        return Bits(when & x.true | ~when & y.true, when & x.false | ~when & y.false)

    def level(self, value: int) -> dict[int, Array]:
        return {value: ~self._none}

    def choose_level(self, predicate: int, then: int, otherwise: int) -> dict[int, Array]:
        when = self._found[predicate].true
        x, y = self._found[then], self._found[otherwise]
        out = {level: when & bits for level, bits in x.items()}
        for level, bits in y.items():
            out[level] = out.get(level, self._none) | ~when & bits
        return out


def _menu(column: Column) -> pl.Series:
    if column.menu is None:
        raise TypeError("no column of words")
    return column.menu


def _wide(values: Any) -> Any:
    """Whole numbers in 64 bits, as Polars computes with them."""
    whole = isinstance(values, np.ndarray) and values.dtype.kind in "iu"
    return values.astype(np.int64) if whole else values


def _named(node: Node) -> Iterable[str]:
    """Columns without which there is no number."""
    kind, *what = node
    if kind == "column":
        yield what[0]
    elif kind not in ("number", "instead", "no less"):
        for side in what:
            yield from _named(side)


FEW_WORDS = 64
_REMEMBERED = 4096  # answers, of menus that are the same for every batch and of some that are not


def _asked_of(listed: pl.Series, circuit: Circuit, number: int) -> _Answers:
    """What a question about words is answered for each word of a menu, and at last for null: where
    it is true, and where it is false."""
    kept = circuit.answers.get((number, id(listed)))
    if kept is not None and kept[0] is listed:
        return kept[1]
    if len(circuit.answers) >= _REMEMBERED:
        circuit.answers.clear()
    name = circuit.of_words[number][0]
    same = {n: expr for n, (column, expr) in enumerate(circuit.of_words) if column == name}
    words = pl.DataFrame({name: [*listed, None]}, schema={name: pl.String})
    told = words.select(pl.col(name).alias(""), *(e.alias(f"{n}") for n, e in same.items()))
    for n in same:
        column = told[f"{n}"]
        if column.dtype != pl.Boolean:
            raise TypeError(f"no condition: {same[n]}")
        answers = np.array([(one is True, one is False) for one in column.to_list()]).T
        circuit.answers[n, id(listed)] = listed, (answers[0], answers[1])
    return circuit.answers[number, id(listed)][1]


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "flag": Outcome.flag, "known": Outcome.known, "words": Outcome.words, "left": Outcome.left,
    "compare": Outcome.compare, "member": Outcome.member, "always": Outcome.always,
    "And": Outcome.both, "Or": Outcome.either, "Xor": Outcome.one, "Not": Outcome.inverse,
    "fill": Outcome.fill, "choose": Outcome.choose, "level": Outcome.level,
    "choose level": Outcome.choose_level, "left level": Outcome.left_level,
}  # fmt: skip
