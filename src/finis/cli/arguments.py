"""The commands and their options.  Imports nothing heavy: ``finis --help`` must be instant."""

from __future__ import annotations

import argparse
import re
import shutil
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from finis.version import VERSION

REPORT = ("text", "json", "md", "html")
WHATIF = ("text", "json", "md", "html", "csv", "jsonl", "parquet", "arrow")
TABLE = ("text", "csv", "jsonl", "json", "parquet", "arrow")
ENDINGS = {  # of --output's FILE, where --format is not given; any other is text
    "json": "json",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "csv": "csv",
    "parquet": "parquet",
    "arrow": "arrow",
    "md": "md",
    "markdown": "md",
    "html": "html",
    "htm": "html",
}


EXAMPLES = """\
examples:
  finis diagnose asa.log                      what ended, what was denied, is it a problem
  finis diagnose case/                        a folder: logs and captures from both sides
  finis explain 192.0.2.7:43918 case/         one connection, step by step, with proof
  finis compare A B case/                     a dirty close beside a peaceful one
  finis connections case/ --format csv        one row per connection
  zcat asa.log.*.gz | finis diagnose -        standard input
  finis whatif asa.log                        what longer timers would absorb, and cost
  finis causes END302                         what a cause means

Exit status: 0 done, 1 --fail-on met, 2 unusable input or usage."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Descriptions and examples as written; commands and what they do in two columns."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=78)

    def format_help(self) -> str:
        self._width = shutil.get_terminal_size().columns - 2  # dear, and seldom asked for
        self._max_help_position = min(28, max(self._width - 20, 4))
        self._action_max_length += 2  # argparse forgets that commands are indented
        return super().format_help()


SAMPLES = {
    "diagnose": """\
examples:
  finis diagnose asa.log
  finis diagnose asa.log inside.pcap outside.pcap --point dmz=outside.pcap
  finis diagnose logs/ --tz Europe/Berlin --names hosts --output report.html
  finis diagnose asa.log --fail-on harmful   (exit status 1: for a nightly check)""",
    "explain": """\
examples:
  finis explain nvigvdxml case/                                  id, as reports print it
  finis explain 47772320 case/                                   the firewall's number
  finis explain 192.0.2.7:43918 case/                            one end
  finis explain '192.0.2.7:43918 -> 198.51.100.2:443' case/      both ends, either order
  finis explain '[2001:db8::7]:43918' case/

What fits several connections is answered with their list.""",
    "compare": "example:\n  finis compare 47772320 49008818 case/",
    "whatif": """\
examples:
  finis whatif asa.log                                  the curve, and what is worth setting
  finis whatif asa.log --linger 15 --half-closed 1h     two values held against the log
  finis whatif asa.log --idle 4h --now idle=2h --port 1521
  finis whatif asa.log --format csv > curves.csv

TIME is seconds, or 90s, 10m, 2h, 1d, or 1:00:00 as an ASA writes it.""",
    "connections": "example:\n  finis connections case/ --host 192.0.2.7 --output c.csv",
    "events": "example:\n  finis events asa.log --output events.parquet",
    "lab": """\
examples:
  finis lab list
  sudo finis lab run reference --output /tmp/case && finis diagnose /tmp/case/reference.asa
  sudo finis lab run --all --output /tmp/all && finis lab score /tmp/all""",
    "causes": "examples:\n  finis causes\n  finis causes END302\n  finis causes idle-timeout",
}


def parser(asked: str | None = None) -> argparse.ArgumentParser:
    """The command line: all of it, or of the commands only the one asked for."""
    root = argparse.ArgumentParser(
        prog="finis",
        description="Explains how TCP connections end, who ended them, and why a firewall "
        "complains.\nReads firewall syslog and packet captures, compressed or not.",
        epilog=EXAMPLES,
        formatter_class=Help,
    )
    root.add_argument("--version", action="version", version=f"finis {VERSION}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True, prog="finis")
    for name, (what, fill) in _COMMANDS.items():
        if asked not in _COMMANDS or name == asked:
            fill(_command(commands, name, what))
    return root


def _diagnose(diagnose: argparse.ArgumentParser) -> None:
    _paths(diagnose)
    diagnose.add_argument(
        "--fail-on",
        choices=("harmful", "depends"),
        help="exit with 1 if a finding is at least so harmful",
    )
    diagnose.add_argument("--all", action="store_true", help="every finding and example in full")
    _shared(diagnose, REPORT)


def _explain(explain: argparse.ArgumentParser) -> None:
    explain.add_argument("connection", metavar="CONN", help=CONN)
    _paths(explain)
    _shared(explain, REPORT)


def _compare(compare: argparse.ArgumentParser) -> None:
    compare.add_argument("first", metavar="A", help=CONN)
    compare.add_argument("second", metavar="B", help="the same for the other connection")
    _paths(compare)
    _shared(compare, REPORT)


def _whatif(whatif: argparse.ArgumentParser) -> None:
    _paths(whatif)
    for option, what in (
        ("linger", "keep ended connections so long"),
        ("half-closed", "a half-closed timer of so much"),
        ("idle", "an idle timer of so much"),
        ("embryonic", "a timer for unanswered SYNs of so much"),
    ):
        whatif.add_argument(f"--{option}", metavar="TIME", type=_span, help=f"what if: {what}")
    whatif.add_argument("--now", metavar="NAME=TIME", action="append", default=[], type=_now,
        help="a timer's value today, where it is not what the report assumes")  # fmt: skip
    _shared(whatif, WHATIF)


def _connections(table: argparse.ArgumentParser) -> None:
    _paths(table)
    table.add_argument("--by-point", action="store_true", help="one row per connection and point")
    _shared(table, TABLE)


def _table(table: argparse.ArgumentParser) -> None:
    _paths(table)
    _shared(table, TABLE)


def _causes(causes: argparse.ArgumentParser) -> None:
    causes.add_argument("id", nargs="?", help="id or name of a cause, such as END301")
    _written(causes, REPORT)


CONN = "id, the firewall's number, HOST, HOST:PORT, or both ends (see below)"


def _command(commands: object, name: str, what: str) -> argparse.ArgumentParser:
    return commands.add_parser(  # type: ignore[attr-defined,no-any-return]
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=SAMPLES.get(name),
        formatter_class=Help,
    )


def _lab(lab: argparse.ArgumentParser) -> None:
    lab.set_defaults(output=None)
    does = lab.add_subparsers(dest="does", metavar="ACTION", required=True)
    listed = does.add_parser("list", help="the scenarios and what is done in each")
    listed.add_argument("scenarios", metavar="SCENARIO", nargs="*", help="these, or a series")
    run = does.add_parser("run", help="play scenarios; leaves captures, log and truth of each")
    run.add_argument("scenarios", metavar="SCENARIO", nargs="*", help="names from `lab list`")
    run.add_argument("--all", action="store_true", help="every scenario")
    run.add_argument("--output", metavar="DIR", help="leave the results there")
    run.add_argument(
        "--firewall",
        metavar="NAME",
        action="append",
        default=[],
        help="only through this firewall (default: all that a scenario names; `lab list`)",
    )
    notify = does.add_parser(
        "close-notify", help="the experiment on TLS close_notify, as a table: what leads to RSTs"
    )
    notify.add_argument("--output", metavar="DIR", help="play into this folder, or read it")
    notify.add_argument(
        "--times", metavar="N", type=int, default=5, help="connections per row (default: 5)"
    )
    notify.add_argument(
        "--firewall", choices=("asa", "netfilter"), action="append", default=[],
        help="only through this firewall (default: both)",
    )  # fmt: skip
    score = does.add_parser("score", help="hold what finis says of such results against the truth")
    score.add_argument("folder", metavar="DIR", help="what `lab run` left")
    score.add_argument(
        "--evidence", metavar="KIND", action="append", default=[], help="only this much evidence"
    )


_COMMANDS = {
    "diagnose": ("explain every ending and denial in what is given", _diagnose),
    "explain": ("tell one connection step by step, with its ladder", _explain),
    "compare": ("say where two connections part, and what follows", _compare),
    "whatif": ("say which denials a longer timer would have absorbed, at what cost", _whatif),
    "connections": ("one row per connection", _connections),
    "denials": ("one row per denial", _table),
    "events": ("one row per log line that concerns connections", _table),
    "segments": ("one row per TCP segment", _table),
    "causes": ("the catalogue of causes, or the page of one", _causes),
    "lab": ("make real endings to look at, in network namespaces (root)", _lab),
}


def _paths(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths", metavar="PATH", nargs="+", help="file, folder, glob, or - for standard input"
    )


def _shared(command: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    _written(command, formats)
    add = command.add_argument
    add("--point", metavar="NAME=PATH", action="append", default=[], type=_pair,
        help="name the point a capture was taken at")  # fmt: skip
    add("--device", metavar="NAME=HOST,…", action="append", default=[], type=_pair,
        help="unite the hosts of a failover pair under one name")  # fmt: skip
    add("--names", metavar="FILE", action="append", default=[],
        help="hosts file, or `name` lines of an ASA configuration")  # fmt: skip
    add("--tz", metavar="[SOURCE=]ZONE", action="append", default=[], type=_zone,
        help="zone of stamps that name none (default UTC)")  # fmt: skip
    add("--date", metavar="YYYY-MM-DD", type=_date, help="day of captures that print none")
    add("--year", metavar="YYYY", type=int, help="year of log stamps that print none")
    add("--since", metavar="TIME", type=_time, help="leave out what ended before (UTC)")
    add("--until", metavar="TIME", type=_time, help="leave out what began after (UTC)")
    add("--host", metavar="ADDRESS", action="append", default=[], help="only this host")
    add("--port", metavar="PORT", action="append", default=[], type=int, help="only this port")


def _written(command: argparse.ArgumentParser, formats: tuple[str, ...]) -> None:
    """`format` is what was asked for, if anything; `formats` all that could be."""
    command.set_defaults(formats=formats)
    command.add_argument(
        "--format", choices=formats, help="how to write (default: as FILE ends, else text)"
    )
    command.add_argument("--output", metavar="FILE", help="write there instead of printing")


def _pair(text: str) -> tuple[str, str]:
    left, sign, right = text.partition("=")
    if not (left and sign and right):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return left, right


def _zone(text: str) -> tuple[str, tzinfo]:
    """``ZONE`` or ``SOURCE=ZONE``; a zone is UTC, +02:00 or a name such as Europe/Berlin."""
    source, sign, name = text.rpartition("=")
    return (source if sign else ""), zone(name)


def zone(name: str) -> tzinfo:
    """A zone by name or offset; raises ArgumentTypeError for any other."""
    if name.upper() in ("UTC", "Z"):
        return UTC
    if name[:1] in "+-":
        try:
            hours, _, minutes = name[1:].partition(":")
            span = timedelta(hours=int(hours), minutes=int(minutes or 0))
            return timezone(-span if name[0] == "-" else span)
        except ValueError:
            pass
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise argparse.ArgumentTypeError(f"{name!r} is no time zone known here") from None


_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 1e9


def _span(text: str) -> float:
    """A span of time in seconds: ``15``, ``0.5``, ``90s``, ``10m``, ``2h``, ``1d``, ``1:00:00``."""
    number = re.fullmatch(r"(\d+(?:\.\d+)?)\s?(s|m|min|h|d)?", text)
    clock = re.fullmatch(r"(\d+):(\d\d?):(\d\d?)", text)
    value = 0.0
    if number:
        value = float(number[1]) * _UNITS[number[2] or ""]
    elif clock:
        value = int(clock[1]) * 3600.0 + int(clock[2]) * 60 + int(clock[3])
    if not 0 < value < _LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 15, 90s, 10m or 1:00:00")
    return value


def _now(text: str) -> tuple[str, float]:
    name, value = _pair(text)
    return name, _span(value)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day like 2018-06-20") from None


def _time(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time like 2018-06-20T12:00") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)
