"""What the standard library, NumPy and Polars load, and no command needs: a third of the time in
which a small case is told.  Only the program does this; who imports finis gets all as it is.

A finder stands before those of Python.  What it is asked for and knows it answers with a stand-in,
which gives way to the module as soon as something of it is used.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from finis.cli.standins import (
    Called,
    Filed,
    Hints,
    Late,
    Maskless,
    Told,
    Unsigned,
    Unstarted,
    Untranslated,
    Unwarned,
    Zoneless,
)

# Texts for help(): no module here is asked for them.
TEXTS = ("numpy._core._add_newdocs", "numpy._core._add_newdocs_scalars")
# What is loaded for a part that is not used here …
LATE = (
    "ast",
    "ctypes",
    "hashlib",
    "importlib.metadata",
    "json",
    "numpy.typing",
    "pickle",
    "platform",
    "shutil",
)
# … and what functions are taken from by name: threads that are not started, linear algebra, formats
# that are not read, questions that are not put.
CALLED = (
    "numpy.lib._polynomial_impl",
    "numpy.linalg",
    "polars.catalog.unity",
    "polars.config",
    "polars.convert",
    "polars.dataframe._html",
    "polars.functions.business",
    "polars.io",
    "polars.io.cloud",
    "polars.meta.build",
    "polars.meta.versions",
    "polars.series.array",
    "polars.series.binary",
    "polars.series.categorical",
    "polars.series.datetime",
    "polars.series.ext",
    "polars.series.list",
    "polars.series.string",
    "polars.series.struct",
    "polars.sql",
    "urllib.parse",
)
STANDING: dict[str, type[ModuleType]] = {
    "concurrent.futures": Unstarted,
    "gettext": Untranslated,
    "inspect": Unsigned,
    "numpy.lib._npyio_impl": Filed,
    "numpy.ma": Maskless,
    "polars._cpu_check": Told,
    "polars._typing": Hints,
    "typing_extensions": Unwarned,
    "zoneinfo": Zoneless,
    **dict.fromkeys(TEXTS, ModuleType),
    **dict.fromkeys(LATE, Late),
    **dict.fromkeys(CALLED, Called),
}


class _Finder:
    """Finds stand-ins, each once."""

    def __init__(self) -> None:
        self.left = dict(STANDING)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        kind = self.left.pop(name, None)
        if kind is None:
            return None
        return ModuleSpec(name, _Loader(kind))  # type: ignore[arg-type]


class _Loader:  # importlib.abc.Loader itself takes long to load
    def __init__(self, kind: type[ModuleType]) -> None:
        self.kind = kind

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.kind(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """It is complete."""


def spare() -> None:
    """Have these modules loaded when something of them is used.  What is loaded already stays."""
    sys.meta_path.insert(0, _Finder())
