"""`finis.records` makes what `dataclasses` makes."""

import copy
import dataclasses
import inspect
import pickle
from typing import Any, ClassVar

import pytest

from finis import records

ARGUMENTS: list[dict[str, bool]] = [
    {"frozen": frozen, "slots": slots, "eq": eq}
    for frozen in (False, True)
    for slots in (False, True)
    for eq in (False, True)
]


def made(make: Any, **arguments: bool) -> Any:
    """One class by either way."""

    @make(**arguments)
    class Point:
        shared: ClassVar[int] = 3
        x: int
        y: list[int] = dataclasses.field(default_factory=list)
        z: str = "z"
        unseen: int = dataclasses.field(default=7, repr=False, compare=False)
        later: int = dataclasses.field(init=False, default=1)

        def __post_init__(self) -> None:
            assert self.x is not None

    return Point


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=str)
def test_like_the_standard_library(arguments: dict[str, bool]) -> None:
    ours, theirs = (made(make, **arguments) for make in (records.dataclass, dataclasses.dataclass))
    for words in ((1,), (1, [2]), (1, [2], "q", 9)):
        one, two = ours(*words), theirs(*words)
        assert repr(one) == repr(two)
        assert dataclasses.asdict(one) == dataclasses.asdict(two)
        other = dataclasses.replace(one, x=5, unseen=1)
        assert repr(other) == repr(dataclasses.replace(two, x=5, unseen=1))
        assert (one == ours(*words)) == (two == theirs(*words))
        assert (one == dataclasses.replace(one, unseen=0)) == (
            two == dataclasses.replace(two, unseen=0)
        )
        assert one != other
        assert repr(copy.copy(one)) == repr(one)
        assert hasattr(one, "__dict__") == hasattr(two, "__dict__")
    assert (ours.__hash__ is None) == (theirs.__hash__ is None)
    assert ours(1).y is not ours(1).y
    assert ours.__match_args__ == theirs.__match_args__
    for broken in ((), (1, 2, 3, 4, 5)):
        with pytest.raises(TypeError):
            ours(*broken)
    with pytest.raises(TypeError):
        ours(1, none=2)


def test_init_is_written_when_it_is_asked_for() -> None:
    """By whoever asks first: a subclass, `inspect`, a call."""
    ours, theirs = (made(make) for make in (records.dataclass, dataclasses.dataclass))
    late = vars(ours)["__init__"]
    assert [*inspect.signature(ours).parameters] == [*inspect.signature(theirs).parameters]
    assert vars(ours)["__init__"] is not late
    base = made(records.dataclass)

    class Named(base):  # type: ignore[misc]
        def __init__(self, name: str) -> None:
            super().__init__(1)
            self.name = name

    assert Named("n").x == 1
    assert base(2).x == 2
    ours.__init__ = lambda self: None
    assert not hasattr(ours(), "x")  # one's own stays


@pytest.mark.parametrize("slots", [False, True])
def test_frozen_is_frozen(slots: bool) -> None:
    one = made(records.dataclass, frozen=True, slots=slots)(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.x
    with pytest.raises((AttributeError, TypeError)):
        one.unknown = 2
    assert one.x == 1


@records.dataclass(frozen=True, slots=True)
class Sent:
    host: str
    ports: tuple[int, ...] = ()


@records.dataclass(frozen=True)
class Own:
    name: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.name.lower() == self.name.lower()

    def __hash__(self) -> int:
        return hash(self.name.lower())

    def __repr__(self) -> str:
        return "own"


def test_hash_pickle_and_cycles() -> None:
    one = Sent("h", (1, 2))
    assert hash(one) == hash(Sent("h", (1, 2)))
    assert pickle.loads(pickle.dumps(one)) == one
    assert Own("A") == Own("a")
    assert hash(Own("A")) == hash(Own("a"))
    assert repr(Own("A")) == "own"

    @records.dataclass
    class Loop:
        me: Any = None

    loop = Loop()
    loop.me = loop
    assert repr(loop).endswith("Loop(me=...)")
