"""Every known way to end has its entries, and every entry all that a reader needs."""

import re
import sys
from pathlib import Path

from finis.diagnosis.crosswalk import WAYS
from finis.diagnosis.pages import entries, level
from finis.lab.scenario import catalogue
from tests.diagnosis import test_denials as denied
from tests.diagnosis import test_endings as ended
from tests.diagnosis import test_traffic as traffic
from tests.diagnosis.logged_endings import ENDINGS

HERE = Path(__file__).parent
WORDS = len("None")


def test_every_way_is_told_by_entries_that_exist() -> None:
    assert len(WAYS) == 86
    assert len({way.name for way in WAYS}) == len(WAYS)
    for way in WAYS:
        assert way.ids and set(way.ids) <= set(entries()), way.name
        assert len(set(way.ids)) == len(way.ids), way.name
    assert all(way.group for way in WAYS)


# What no evidence that finis reads today states, and why the entry is there all the same.
UNREACHED = {"END509": "a reason of other makes; an ASA refuses instead, and says so (DNY104)"}
# What holds where nothing else does has no look-alikes of its own.
LAST = ("END902", "DNY999")


def proven() -> dict[str, set[str]]:
    """By id, where it is the outcome of something that really ends: scenarios of the lab, held by
    `finis lab score`; segments and log lines written by hand, held where they stand."""
    names = {entry.name: key for key, entry in entries().items()}
    found: dict[str, set[str]] = {key: set() for key in entries()}
    for name, scenario in catalogue().items():
        # Of names that are all right the first is the one meant.
        said = {*(truth.causes[0] for truth in scenario.truths), *scenario.denials[:1]}
        for one in {*said, *scenario.beside, *scenario.patterns}:
            found[names[one]].add(f"lab: {name}")
    scripts = {*traffic.TRAFFIC, *traffic.CONTRIBUTING, *traffic.STOPPED, *traffic.LOSSY}
    for key in scripts | {case[0] for case in traffic.ACROSS.values()}:
        found[key].add("segments")
    for key in {one for some in traffic.BESIDE.values() for one in some}:
        found[key].add("segments")
    for key in ENDINGS:
        found[key].add("log")
    return found


def test_every_entry_is_proven_on_something_that_ends() -> None:
    missing = {key for key, places in proven().items() if not places}
    assert missing == set(UNREACHED)


def test_most_are_proven_on_real_endings() -> None:
    """The others cannot be made here: other makes' features, hours of log, forged traffic."""
    real = {key for key, places in proven().items() if any(p.startswith("lab") for p in places)}
    assert len(real) >= 90


def test_every_entry_has_positives_and_look_alike_negatives_in_facts() -> None:
    """By the tables of the tests that hold them; those are checked where they stand."""
    patterns = (HERE / "test_patterns.py").read_text(encoding="utf-8")
    cases = {case[0] for case in ended.CASES} | {key for _, ids in ended.BESIDE for key in ids}
    cases |= {case[2] for case in denied.CASES}
    unlike = {key for key, *_ in ended.LOOK_ALIKES} | {wrong for *_, wrong, _ in denied.QUIET}
    for key in entries():
        if key.startswith("PAT"):
            assert re.search(rf"\[one\] = found\(\"{key}\"|= found\(\"{key}\"", patterns), key
            assert re.search(rf"found\(\"{key}\".*\) == \[\]", patterns), key
            continue
        assert key in cases, key
        assert key in unlike or key in LAST, key


def test_every_entry_says_harm_remedy_and_references() -> None:
    for key, entry in entries().items():
        assert entry.references, key
        text = sys.modules[entry.__module__].__doc__ or ""
        for title in ("Harm", "Look-alikes", "What to change", "References"):
            body = re.split(r"^## ", text, flags=re.MULTILINE)
            part = next(p for p in body if p.startswith(title))
            assert len(part) - len(title) > WORDS + 2, (key, title)
        if level(entry.harm) != "harmless":
            assert entry.remedy, f"{key} may do harm and names nothing to change"
