"""Builds every kernel (`*.pyx`) next to the readable reference it mirrors.

A machine without a compiler still gets a working install: extensions are optional, and finis says
once that it runs on the reference.  ``FINIS_PURE=1`` skips them on purpose; ``FINIS_DEBUG=1``
builds them with bounds checks and without optimisation.
"""

import os
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).parent
DEBUG = os.environ.get("FINIS_DEBUG") == "1"


def kernels() -> list[Extension]:
    if os.environ.get("FINIS_PURE") == "1":
        return []
    from Cython.Build import cythonize

    os.chdir(ROOT)
    extensions = [
        Extension(
            ".".join(path.with_suffix("").parts[1:]),
            [str(path)],
            include_dirs=[str(path.parent)],
            extra_compile_args=["-O0", "-g"] if DEBUG else ["-O3", "-g0"],
            optional=True,
        )
        for path in sorted(Path("src").rglob("*.pyx"))
    ]
    return cythonize(
        extensions,
        include_path=["src"],
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "initializedcheck": DEBUG,
            "cdivision": True,
        },
        quiet=True,
    )


setup(ext_modules=kernels())
