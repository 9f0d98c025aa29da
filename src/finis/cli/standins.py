"""Modules that stand for others until something of those is used (`spared.py` says for which)."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, tzinfo
from functools import cached_property
from importlib.machinery import all_suffixes
from types import FunctionType, ModuleType
from typing import Any


class Late(ModuleType):
    """Stands for a module until something of it is used."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__dict__["__path__"] = _Path(self)

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(self._loaded(), name)  # asked for once
        return found

    def _loaded(self) -> ModuleType:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


class _Path(Sequence[str]):
    """Where the parts of a package are: who looks for one gets the package, too."""

    def __init__(self, of: Late) -> None:
        self._of = of

    def _real(self) -> Sequence[str]:
        return getattr(self._of._loaded(), "__path__", ())

    def __iter__(self) -> Iterator[str]:
        return iter(self._real())

    def __getitem__(self, at: Any) -> Any:
        return self._real()[at]

    def __len__(self) -> int:
        return len(self._real())


class Called(Late):
    """Stands for a module of which others import by name what they call later."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__all__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Error"):  # `except` takes no stand-in
            return getattr(self._loaded(), name)
        return _Name(name, (), {"_of": self})


class _Name(type):
    """A name of such a module; what is asked of it is asked of what it stands for."""

    _of: Late

    def __call__(cls, *args: Any, **named: Any) -> Any:
        return cls._real()(*args, **named)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(cls._real(), name)

    def __instancecheck__(cls, value: object) -> bool:
        return cls._of is not sys.modules.get(cls._of.__name__) and isinstance(value, cls._real())

    def _real(cls) -> Any:
        return getattr(cls._of._loaded(), cls.__name__)


class Filed(Called):
    """Stands for what NumPy reads and writes files with; two functions it only hands on."""

    def __getattr__(self, name: str) -> Any:
        if name in ("packbits", "unpackbits"):
            return getattr(sys.modules["numpy._core.multiarray"], name)
        return super().__getattr__(name)


class Maskless(Late):
    """Stands for numpy.ma, which takes as long to load as half of Polars, and of which arrays
    without a mask need these only."""

    nomask = False

    @staticmethod
    def getmask(array: Any) -> Any:
        return getattr(array, "_mask", False)

    @staticmethod
    def is_masked(array: Any) -> bool:
        mask: Any = getattr(array, "_mask", False)
        return mask is not False and bool(mask.any())

    @staticmethod
    def getdata(array: Any) -> Any:
        return getattr(array, "_data", array)


class Unsigned(Late):
    """Stands for inspect while functions are defined: their signatures are for those who read
    help()."""

    ASKING = (
        "dataclasses",
        "numpy._core.overrides",
        "polars._utils.expired",
        "polars._utils.unstable",
        "polars.series.utils",
    )

    def signature(self, function: Any, **how: Any) -> Any:
        if _asker() in self.ASKING:
            return None  # as if nothing were noted: help() looks for itself
        return self._loaded().signature(function, **how)

    @staticmethod
    def cleandoc(text: str) -> str:
        return text

    @staticmethod
    def getmodulename(path: str) -> str | None:
        """As that of inspect; pkgutil asks it of every file in a folder."""
        name = os.path.basename(path)  # noqa: PTH119
        return next((name.removesuffix(end) for end in ENDS if name.endswith(end)), None)

    @staticmethod
    def isclass(value: object) -> bool:
        return isinstance(value, type)

    @staticmethod
    def isfunction(value: object) -> bool:
        return isinstance(value, FunctionType)


ENDS = sorted(all_suffixes(), key=len, reverse=True)  # .cpython-311-x86_64-linux-gnu.so … .py


class Untranslated(Late):
    """Stands for gettext: what finis prints is English, so what argparse adds should be, too."""

    @staticmethod
    def gettext(message: str) -> str:
        return message

    @staticmethod
    def ngettext(one: str, many: str, count: int) -> str:
        return one if count == 1 else many


class Unwarned(Late):
    """Stands for typing_extensions: that a function will go is said to who writes finis."""

    @staticmethod
    def deprecated(_message: str, **_how: Any) -> Callable[[Any], Any]:
        return lambda function: function


class Hints(Called):
    """Stands for the types that Polars names in annotations; one class rests on such a name."""

    def __getattr__(self, name: str) -> Any:
        if _asker() == "polars.sql.context":
            return getattr(self._loaded(), name)
        return super().__getattr__(name)


class Unstarted(Called):
    """Stands for concurrent.futures: the pool that Polars keeps ready is made when it is used."""

    def __getattr__(self, name: str) -> Any:
        if name == "ThreadPoolExecutor" and _asker() == "polars.lazyframe.frame":
            return lambda **how: _Pool(self, how)
        return super().__getattr__(name)


class _Pool:
    def __init__(self, of: Late, how: dict[str, Any]) -> None:
        self._of, self._how = of, how

    @cached_property
    def _real(self) -> Any:
        return self._of._loaded().ThreadPoolExecutor(**self._how)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class Zoneless(Called):
    """Stands for zoneinfo: Polars gives times in UTC, which Python knows without it."""

    ZoneInfoNotFoundError = KeyError  # as `except` needs it: a class, and one that holds it

    def __getattr__(self, name: str) -> Any:
        if name == "ZoneInfo":
            return _Zone(name, (), {"_of": self})
        return super().__getattr__(name)


class _Zone(_Name):
    def __call__(cls, key: str) -> tzinfo:
        return UTC if key == "UTC" else super().__call__(key)


class Told(Late):
    """Stands for the look that Polars takes at the processor: NumPy has taken it.  Where that does
    not show what Polars needs, or shows something else, Polars looks itself."""

    LEVEL = "X86_V3"
    SHOWS = frozenset(
        [
            *("sse3", "ssse3", "sse4.1", "sse4.2", "popcnt", "cmpxchg16b"),
            *("avx", "avx2", "fma", "bmi1", "bmi2", "lzcnt", "movbe"),
            "pclmulqdq",  # not of the level, but every processor of that level has it
        ]
    )

    def check_cpu_flags(self, flags: str) -> None:
        """As that of the module: warns of a processor that is too old."""
        asked = {flag[1:] for flag in flags.split(",") if flag.startswith("+")}
        numpy = sys.modules.get("numpy._core._multiarray_umath")
        known: dict[str, bool] = getattr(numpy, "__cpu_features__", {})
        if not (known.get(self.LEVEL) and asked <= self.SHOWS):
            self._loaded().check_cpu_flags(flags)


def _asker() -> object:
    """The module that asks who calls this."""
    return sys._getframe(2).f_globals.get("__name__")
