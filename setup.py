"""Builds every kernel (`*.pyx`) next to the readable reference it mirrors.

A machine without a compiler still gets a working install: extensions are optional, and finis says
once that it runs on the reference.  ``FINIS_PURE=1`` skips them on purpose; ``FINIS_DEBUG=1``
builds them with bounds checks and without optimisation, ``FINIS_SANITIZE=memory`` (see
tools/sanitize) with checks of every access to memory and of undefined behaviour,
``FINIS_SANITIZE=threads`` of what threads share.
"""

import os
import sys
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).parent
# What Cython writes for memoryviews: made and compiled once, not in every kernel.
SHARED, SHARED_C = "finis._cython", Path("src/finis/_cython.c")
DEBUG = os.environ.get("FINIS_DEBUG") == "1"
CHECKS = {
    "memory": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "threads": ["-fsanitize=thread"],
}.get(os.environ.get("FINIS_SANITIZE", ""), [])


def compile_args() -> list[str]:
    if CHECKS:
        return ["-O1", "-g1", "-fno-omit-frame-pointer", *CHECKS]
    return ["-O0", "-g"] if DEBUG else ["-O3", "-g0"]


def kernels() -> list[Extension]:
    if os.environ.get("FINIS_PURE") == "1":
        return []
    from Cython.Build import cythonize

    os.chdir(ROOT)
    sources = {SHARED: SHARED_C}
    for path in sorted(Path("src").rglob("*.pyx")):
        sources[".".join(path.with_suffix("").parts[1:])] = path
    extensions = [
        Extension(
            name,
            [str(path)],
            include_dirs=[str(path.parent)],
            extra_compile_args=compile_args(),
            extra_link_args=CHECKS,
            optional=True,
        )
        for name, path in sources.items()
    ]
    return cythonize(
        extensions,
        include_path=["src"],
        shared_utility_qualified_name=SHARED,
        nthreads=os.cpu_count() if sys.platform == "linux" else 0,
        compiler_directives={
            "language_level": 3,
            "boundscheck": DEBUG,
            "wraparound": False,
            "initializedcheck": DEBUG,
            "cdivision": True,
        },
        quiet=True,
    )


setup(ext_modules=kernels(), options={"build_ext": {"parallel": os.cpu_count()}})
