"""What Polars and NumPy load, and no command needs: a fifth of the time in which a small case is
told.  Only the program does this; who imports finis gets both as they are."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# Texts for help(): no module here is asked for them.
TEXTS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
# What is loaded for a part that is not used here …
LATE = ("hashlib", "importlib.metadata", "platform")
# … and what functions are taken from by name: linear algebra, and formats that are not read here.
CALLED = (
    "numpy.linalg",
    "polars.catalog.unity",
    "polars.io.clipboard",
    "polars.io.database",
    "polars.io.delta",
    "polars.io.iceberg",
    "polars.io.lance",
    "polars.io.spreadsheet",
)


def spare() -> None:
    """Have these modules, and numpy.ma, loaded when something of them is used.  Neither NumPy nor
    Polars should be loaded yet."""
    _stand(*map(ModuleType, TEXTS), *map(Late, LATE), *map(Called, CALLED))
    import numpy  # noqa: F401 - loads numpy.ma late

    _stand(Maskless("numpy.ma"))
    for name, module in [*sys.modules.items()]:
        parent, _, own = name.rpartition(".")
        if isinstance(module, Late) and parent in sys.modules:
            setattr(sys.modules[parent], own, module)


def _stand(*stand_ins: ModuleType) -> None:
    for stand_in in stand_ins:
        sys.modules.setdefault(stand_in.__name__, stand_in)


class Late(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class Called(Late):
    """Stands for a module of which others import by name what they call later."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def called(_: Any, *args: Any, **named: Any) -> Any:
            return Late.__getattr__(self, name)(*args, **named)

        return type(name, (), {"__new__": called})


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
