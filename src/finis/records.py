"""Data classes that cost little to define.

The standard library writes and compiles up to six functions for each of them, which took a tenth of
a small case: here it is one, `__init__`, when it is first asked for, which of most classes nobody
does; the others are the same for all classes.  What comes out behaves like `dataclasses.dataclass`
with the same arguments (`fields`, `replace` and `asdict` take it; tests/test_records.py).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass", "field", "replace"]

Class = type[Any]
_set = object.__setattr__

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        cls: Class | None = None, /, *, frozen: bool = False, slots: bool = False, eq: bool = True
    ) -> Any:
        """As `dataclasses.dataclass`."""
        if cls is None:
            return lambda cls: _made(cls, frozen, slots, eq)
        return _made(cls, frozen, slots, eq)


def _made(cls: Class, frozen: bool, slots: bool, eq: bool) -> Class:
    own = set(vars(cls))
    cls.__doc__ = cls.__doc__ or cls.__name__  # else its signature is looked up for one
    cls = dataclasses.dataclass(cls, init=False, repr=False, eq=False, slots=slots)
    fields = dataclasses.fields(cls)
    methods: dict[str, Any] = {"__init__": _Init(cls, fields, frozen, slots), "__repr__": _repr}
    if eq:
        methods |= _comparing([f.name for f in fields if f.compare], frozen)
        if own >= {"__eq__"} and "__hash__" in own and cls.__hash__ is None:
            own.discard("__hash__")  # Python put it there for the sake of __eq__
    if frozen:
        methods |= _frozen(cls, [f.name for f in fields], slots)
    for name, method in methods.items():
        if name not in own:
            setattr(cls, name, method)
    return cls


class _Init:
    """Stands for the `__init__` of a class until somebody asks for it."""

    def __init__(self, cls: Class, *how: Any) -> None:
        self._cls, self._how = cls, how

    def __get__(self, made: Any, cls: Class | None = None) -> Any:
        init = _init(self._cls, *self._how)
        if vars(self._cls).get("__init__") is self:
            self._cls.__init__ = init
        return init.__get__(made, cls)


def _init(cls: Class, fields: tuple[Field[Any], ...], frozen: bool, slots: bool) -> Any:
    """The only function that is written for the class: it is called too often to look up fields."""
    known: dict[str, Any] = {"_set": _set, "_new": MISSING}
    asked, body = [], []
    for one in fields:
        name, value = one.name, one.name
        if one.default_factory is not MISSING:
            known[f"_make_{name}"] = one.default_factory
            value = f"_make_{name}()"
            if one.init:
                asked.append(f"{name}=_new")
                value = f"{value} if {name} is _new else {name}"
        elif one.default is not MISSING:
            known[f"_default_{name}"] = one.default
            if one.init:
                asked.append(f"{name}=_default_{name}")
            elif slots:
                value = f"_default_{name}"
            else:
                continue
        elif one.init:
            asked.append(name)
        else:
            continue
        body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(cls, "__post_init__"):
        body.append("self.__post_init__()")
    lines = "\n ".join(body or ["pass"])
    exec(f"def __init__(self, {', '.join(asked)}):\n {lines}", known)
    init = known["__init__"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    init.__module__ = cls.__module__
    init.__annotations__ = {f.name: f.type for f in fields if f.init} | {"return": None}
    return init


_telling: set[int] = set()  # objects whose `repr` is being made: one may hold itself


def _repr(self: Any) -> str:
    if id(self) in _telling:
        return "..."
    _telling.add(id(self))
    try:
        told = [f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self) if f.repr]
    finally:
        _telling.discard(id(self))
    return f"{type(self).__qualname__}({', '.join(told)})"


def _comparing(names: list[str], frozen: bool) -> dict[str, Any]:
    values: Callable[[Any], Any] = attrgetter(*names) if names else lambda _: ()

    def equal(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__:
            return values(self) == values(other)
        return NotImplemented

    return {"__eq__": equal, "__hash__": (lambda self: hash(values(self))) if frozen else None}


def _frozen(cls: Class, names: list[str], slots: bool) -> dict[str, Any]:
    def change(self: Any, name: str, value: Any) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot assign to field {name!r}")
        super(cls, self).__setattr__(name, value)

    def remove(self: Any, name: str) -> None:
        if type(self) is cls or name in names:
            raise FrozenInstanceError(f"cannot delete field {name!r}")
        super(cls, self).__delattr__(name)

    methods: dict[str, Any] = {"__setattr__": change, "__delattr__": remove}
    if slots:  # copies and pickles of them are filled by `setattr` otherwise

        def state(self: Any) -> list[Any]:
            return [getattr(self, name) for name in names]

        def restore(self: Any, state: list[Any]) -> None:
            for name, value in zip(names, state, strict=True):
                _set(self, name, value)

        methods |= {"__getstate__": state, "__setstate__": restore}
    return methods
