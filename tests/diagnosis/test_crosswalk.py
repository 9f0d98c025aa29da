"""Every known way to end has its entries, and every entry all that a reader needs."""

import re
import sys
from pathlib import Path

from finis.diagnosis.crosswalk import WAYS
from finis.diagnosis.pages import entries, level
from tests.diagnosis import test_denials as denied
from tests.diagnosis import test_endings as ended

HERE = Path(__file__).parent
WORDS = len("None")


def test_every_way_is_told_by_entries_that_exist() -> None:
    assert len(WAYS) == 72
    assert len({way.name for way in WAYS}) == len(WAYS)
    for way in WAYS:
        assert way.ids and set(way.ids) <= set(entries()), way.name
        assert len(set(way.ids)) == len(way.ids), way.name
    assert all(way.group for way in WAYS)


def test_every_entry_has_positives_and_look_alike_negatives() -> None:
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
        # What holds where nothing else does has no look-alikes of its own.
        assert key in unlike or key in ("END902", "DNY999"), key


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
