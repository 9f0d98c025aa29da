"""The pages of the catalogue and of the tables, as Markdown, from what the code itself declares.

`finis causes [ID]` shows them; ``python -m finis.diagnosis.pages [docs]`` writes them below a
folder, and a test holds the written ones current.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from finis import tables
from finis.diagnosis.cause import SECTIONS, Cause, harm_sentence
from finis.diagnosis.crosswalk import WAYS
from finis.diagnosis.engine import catalogue
from finis.diagnosis.patterns._api import Pattern, patterns
from finis.errors import UsageError
from finis.terms import Confidence, Harm, word

Entry = type[Cause] | type[Pattern]

BY_CASE = "by case"  # harm or confidence is an expression over the facts
SHELVES = {
    "END": ("Endings", "How a connection ended."),
    "DNY": ("Denials", "Why a firewall refused a packet."),
    "PAT": ("Patterns", "What many connections and denials show together."),
}
TABLES = {
    "connections": ("one row per connection", tables.CONNECTIONS),
    "denials": ("one row per denial", tables.DENIALS),
    "findings": ("one row per finding", tables.FINDINGS),
    "events": ("one row per log line that concerns connections", tables.EVENTS),
    "segments": ("one row per segment", tables.SEGMENTS),
    "whatif": ("one row per firewall, setting and value tried", tables.WHATIF),
    "facts of a connection": (
        "what rules use beyond the connection's columns; `o_` and `r_` stand for orig and resp",
        tables.STORY_FACTS,
    ),
    "facts of a denial": ("what rules use beyond the denial's columns", tables.DENIAL_FACTS),
}
TYPES = {
    "text": "text",
    "bool": "boolean",
    "i8": "integer",
    "f8": "number",
    "ts": "time (UTC, ns)",
    "list": "list of text",
}
_PLACEHOLDER = re.compile(r"\{(client|server)(?:_seen)?(_p|_if)?\}")
_ID = re.compile(r"\b(END|DNY|PAT)(\d{3})\b")


def entries() -> dict[str, Entry]:
    """Every cause and pattern by id, in order of shelf (END, DNY, PAT) and number."""
    known: dict[str, Entry] = {**catalogue(), **patterns()}
    order = list(SHELVES)
    return dict(sorted(known.items(), key=lambda item: (order.index(item[0][:3]), item[0])))


def find(key: str) -> Entry:
    """The cause or pattern with this id or name (case does not matter).

    Raises UsageError if there is none.
    """
    wanted = key.strip().lower()
    for entry in entries().values():
        if wanted in (entry.id.lower(), entry.name):
            return entry
    raise UsageError(f"no cause {key!r}: `finis causes` lists them")


def page(key: str) -> str:
    """One cause or pattern as Markdown: what it is, its sections, remedy and references."""
    entry = find(key)
    summary, sections = _sections(entry)
    added = {
        "Look-alikes": list(entry.not_this),
        "What to change": [f"**{who}**: {_plain(what)}" for who, what in entry.remedy.items()],
        "References": list(entry.references),
    }
    out = [f"# {entry.id} {entry.name}", "", f"*{entry.title}*", "", summary, "", *_facts(entry)]
    for title in SECTIONS:
        bullets = [f"* {line}" for line in added.get(title, [])]
        body = sections[title]
        out += ["", f"## {title}", "", body, *(["", *bullets] if bullets else [])]
    return "\n".join(out).rstrip() + "\n"


def index() -> str:
    """The catalogue as one Markdown page of tables."""
    out = [
        "# The catalogue",
        "",
        "Ids never change. Harm and confidence of an entry marked *by case* depend on the facts;"
        " its page says how. Written by `python -m finis.diagnosis.pages`; the text stands in the"
        " modules of `src/finis/diagnosis`. [crosswalk.md](crosswalk.md) leads here from the"
        " known ways to end.",
    ]
    for prefix, (title, what) in SHELVES.items():
        out += ["", f"## {title}", "", what, "", "| id | name | harm | what |", "|---|---|---|---|"]
        for entry in entries().values():
            if entry.id.startswith(prefix):
                link = f"[{entry.id}]({entry.id}.md)"
                out.append(f"| {link} | {entry.name} | {level(entry.harm)} | {entry.title} |")
    return "\n".join(out) + "\n"


def crosswalk_page() -> str:
    """Every known way to end, and which entries tell it, as one Markdown page."""
    known = entries()
    out = [
        "# From ways to end to the catalogue",
        "",
        "Every known way in which a TCP connection ends or a firewall complains of it, and the"
        " entries that tell it: several where evidence can tell more, the same for two ways where"
        " evidence cannot tell them apart. Written by `python -m finis.diagnosis.pages`.",
    ]
    group = ""
    for way in WAYS:
        if way.group != group:
            group = way.group
            out += ["", f"## {group}", "", "| way | told by | remark |", "|---|---|---|"]
        told = ", ".join(f"[{key} {known[key].name}]({key}.md)" for key in way.ids)
        out.append(f"| {way.name} | {told} | {way.remark} |")
    named = {key for way in WAYS for key in way.ids}
    others = ", ".join(f"[{key} {known[key].name}]({key}.md)" for key in known if key not in named)
    out += ["", "## Beside these", "", f"What the log or the company of others adds: {others}."]
    return "\n".join(out) + "\n"


def tables_page() -> str:
    """Every table's columns as one Markdown page."""
    out = [
        "# The tables",
        "",
        "Null means not observable; `none`, 0 or false is an observed absence. Times are UTC."
        " Written by `python -m finis.diagnosis.pages` from `src/finis/tables.py`.",
        "",
        "The Parquet files of finis are read by DuckDB, Polars and PyArrow as they are. Spark knows"
        " no nanoseconds: with `spark.sql.legacy.parquet.nanosAsLong=true` it reads times as"
        " integers, nanoseconds since 1970.",
    ]
    for name, (what, columns) in TABLES.items():
        out += ["", f"## {name}", "", f"{what[0].upper()}{what[1:]}.", ""]
        out += ["| column | type | meaning |", "|---|---|---|"]
        for column in columns:
            meaning = f"{column.symbol}: {column.meaning}" if column.symbol else column.meaning
            safe = meaning.replace("|", "\\|")
            out.append(f"| `{column.name}` | {TYPES[column.type]} | {safe} |")
    return "\n".join(out) + "\n"


def level(value: object) -> str:
    """The printed form of a harm or confidence that is a constant, else `BY_CASE`."""
    return word(value) if isinstance(value, Harm | Confidence) else BY_CASE


def documents() -> dict[str, str]:
    """Every generated file below docs/: path → text."""
    out = {"causes/README.md": index(), "tables.md": tables_page()}
    out["causes/crosswalk.md"] = crosswalk_page()
    return out | {f"causes/{key}.md": _linked(key) for key in entries()}


def write(docs: Path) -> list[Path]:
    """Write `documents` below `docs`, remove pages of causes that are gone; returns what
    changed."""
    changed = []
    wanted = {docs / name: text for name, text in documents().items()}
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    for path in sorted((docs / "causes").glob("*.md")):
        if path not in wanted:
            path.unlink()
            changed.append(path)
    return changed


def _sections(entry: Entry) -> tuple[str, dict[str, str]]:
    """The docstring of the entry's module: its first paragraph, and the text of each section."""
    text = sys.modules[entry.__module__].__doc__ or ""
    summary, *parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    found = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    return " ".join(summary.split()), {title: found.get(title, "") for title in SECTIONS}


def _facts(entry: Entry) -> list[str]:
    """Harm, confidence and precedence as a small table."""
    why = harm_sentence(getattr(entry, "harm_why", ""))
    harm = level(entry.harm)
    if harm in why:  # the reason says it itself
        harm, why = why, ""
    rows = [("harm", f"{harm}; {why}" if why else harm)]
    rows.append(("confidence", level(entry.confidence)))
    if issubclass(entry, Cause):
        others = catalogue().values()
        over = ", ".join(entry.beats)
        under = ", ".join(other.id for other in others if entry.id in other.beats)
        rows += [("preferred to", over or "–"), ("gives way to", under or "–")]
        if entry.fallback:
            rows.append(("fallback", "where no other cause of its table holds"))
        if entry.only_contributes:
            rows.append(("role", "named beside a primary cause, never the primary cause itself"))
        elif entry.contributes:
            rows.append(("role", "also named beside another primary cause"))
    rows.append(("since", entry.since))
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def _plain(text: str) -> str:
    return _PLACEHOLDER.sub(lambda m: f"{m[1]}{m[2] or ''}".upper(), text)


def _linked(key: str) -> str:
    """The page, with the ids of other entries as links to their pages."""
    known = entries()

    def link(found: re.Match[str]) -> str:
        other = found[0]
        return f"[{other}]({other}.md)" if other in known and other != key else other

    return _ID.sub(link, page(key))


def main() -> None:
    docs = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs")
    for path in write(docs):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
