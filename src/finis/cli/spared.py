"""What Polars and NumPy load, and no command needs: a tenth of the time in which a small case is
told.  Only the program does this; who imports finis gets both as they are."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

# Polars imports these for tables that are not read here.
LATE = ("importlib.metadata", "hashlib")


def spare() -> None:
    """Have these modules, and numpy.ma, loaded when something of them is used.  NumPy must be
    loaded, Polars should not be."""
    for stand_in in (*map(Late, LATE), Maskless("numpy.ma")):
        name = stand_in.__name__
        parent, _, own = name.rpartition(".")
        if name not in sys.modules:
            sys.modules[name] = stand_in
            if parent:
                setattr(sys.modules[parent], own, stand_in)


class Late(ModuleType):
    """Stands for a module until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


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
