"""What the program does not load gives way as soon as it is used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from finis.cli.main import main
from finis.cli.spared import CALLED, LATE, STANDING, TEXTS

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/too-many-resets"
SPARE = f"import sys; sys.path[:0] = [{str(ROOT / 'src')!r}]; from finis.cli.spared import spare; "


def run(*lines: str) -> str:
    """What a process of its own prints that spares modules first."""
    program = "\n".join([SPARE + "spare()", *lines])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_stand_in_gives_way() -> None:
    """To the module itself, in the place where others look for it."""
    run(
        "import importlib, numpy, polars",
        "from types import ModuleType",
        f"for name in {sorted(set(STANDING) - set(TEXTS))}:",
        "    one = importlib.import_module(name)",
        "    real = one._loaded() if type(one) is not ModuleType else one",
        "    assert type(real) is ModuleType and real.__spec__.origin, name",
        "    assert sys.modules[name] is real is importlib.import_module(name), name",
        "    parent, _, own = name.rpartition('.')",
        "    assert not parent or getattr(sys.modules[parent], own) is real, name",
    )


@pytest.mark.parametrize("name", sorted({*LATE, *CALLED} - {"numpy.typing"}))
def test_names_are_those_of_the_module(name: str) -> None:
    """A function taken before the module was loaded is that of the module."""
    run(
        "import importlib, numpy, polars",
        f"one = importlib.import_module({name!r})",
        "real = one._loaded() if type(one).__module__ == 'finis.cli.standins' else one",
        "for key in getattr(real, '__all__', [*vars(real)]):",
        "    if key[0] != '_' and not isinstance(getattr(real, key), type(sys)):",
        "        named = getattr(one, key)",
        "        named = named._real() if hasattr(type(named), '_real') else named",
        "        assert named is getattr(real, key), key",
    )


def test_parts_of_packages_are_found() -> None:
    run(
        "import polars as pl",
        "from polars.io.csv._utils import _update_columns",
        "import json.decoder, urllib.parse, importlib.metadata",
        "from json import loads",
        "assert loads('[1]') == [1] and issubclass(json.decoder.JSONDecodeError, ValueError)",
        "assert urllib.parse.urlsplit('http://h/p').path == '/p'",
        "assert importlib.metadata.version('polars') == pl.__version__",
        "assert pl.read_csv(b'a\\n1').item() == 1",
        "assert pl.Config.load_from_file and pl.Config(tbl_rows=3)",
        "assert repr(pl.Series(['x']).str.to_uppercase())",
        "assert pl.DataFrame({'a': [1]}).write_csv() == 'a\\n1\\n'",
    )


def test_what_functions_say_of_themselves() -> None:
    """Signatures are left out of what NumPy and Polars define, and of nothing else."""
    run(
        "import inspect, numpy, polars as pl",
        "def f(a, *, b=1): pass",
        "assert str(inspect.signature(f)) == '(a, *, b=1)'",
        "from inspect import Parameter, isclass, isfunction",
        "assert 'descending' in str(inspect.signature(pl.Series.sort))",
        "for path in ('/a/b.py', 'c.so', 'd.txt', 'e.cpython-311-x86_64-linux-gnu.so'):",
        "    from finis.cli.standins import Unsigned",
        "    real = sys.modules['inspect'].getmodulename(path)",
        "    assert Unsigned.getmodulename(path) == real, (path, real)",
    )


def test_zones() -> None:
    run(
        "import zoneinfo, datetime",
        "import polars as pl",
        "from zoneinfo import ZoneInfo, ZoneInfoNotFoundError",
        "assert ZoneInfo('UTC') is datetime.UTC and not isinstance(3, ZoneInfo)",
        "times = pl.Series([datetime.datetime(2020, 7, 1, tzinfo=datetime.UTC)])",
        "assert str(times[0].tzinfo) == 'UTC' and times.dtype.time_zone == 'UTC'",
        "try:",
        "    ZoneInfo('No/Where')",
        "except ZoneInfoNotFoundError:",
        "    pass",
        "assert isinstance(ZoneInfo('Europe/Berlin'), ZoneInfo)",
        "assert times.dt.convert_time_zone('Europe/Berlin')[0].hour == 2",
    )


def test_pools_of_threads() -> None:
    run(
        "import polars.lazyframe.frame as frame",
        "from concurrent.futures import ThreadPoolExecutor",
        "with ThreadPoolExecutor(1) as pool:",
        "    assert pool.submit(int, '3').result() == 3",
        "assert frame._COLLECT_BATCHES_POOL.submit(int, '4').result() == 4",
        "assert frame._COLLECT_BATCHES_POOL._thread_name_prefix == 'pl_col_batch_'",
    )


def test_a_processor_of_which_numpy_does_not_know_enough_is_looked_at() -> None:
    run(
        "import numpy",
        "from finis.cli.standins import Told",
        "asked = []",
        "Told._loaded = lambda self: type(sys)('m', asked.append('looked')) and Looks",
        "class Looks:",
        "    check_cpu_flags = asked.append",
        "level = numpy._core._multiarray_umath.__cpu_features__",
        "told = Told('polars._cpu_check')",
        "level['X86_V3'] = True",
        "told.check_cpu_flags('+avx2,+fma,-x')",
        "assert asked == []",
        "told.check_cpu_flags('+avx2,+avx512f')",
        "level['X86_V3'] = False",
        "told.check_cpu_flags('+avx2')",
        "assert asked[1::2] == ['+avx2,+avx512f', '+avx2']",
    )


def test_the_reference_case_needs_none_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """And says the same."""
    used = {"ctypes", "polars.series.string"}
    if sys.version_info >= (3, 12):
        used.add("inspect")  # dataclasses asks it what a class is annotated with
    spared = sorted({*CALLED, *LATE, *STANDING} - used)
    out = run(
        "import os; from finis.cli import main; sys.argv[1:] = ['diagnose', "
        + f"{str(EXAMPLE)!r}]",
        "from types import ModuleType",
        f"spared = {spared}",
        "status = main()",
        "loaded = {n for n in spared if type(sys.modules.get(n)) is ModuleType}",
        f"assert loaded <= {set(TEXTS)}, loaded",
    )
    assert main(["diagnose", str(EXAMPLE)]) == 0
    assert out == capsys.readouterr().out
