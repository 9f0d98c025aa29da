"""What each command does: read, build a report or a table, write it."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from finis.cli.arguments import ENDINGS
from finis.errors import UsageError
from finis.terms import Harm

if TYPE_CHECKING:
    import polars as pl

    from finis.pipeline import Case, Options
    from finis.report.document import Document

DONE, FOUND = 0, 1


def run(arguments: argparse.Namespace) -> int:
    """Run the command that was asked for; its exit status."""
    gc.set_threshold(100_000, 50, 50)  # collecting while importing costs a tenth of a small case
    if "formats" in arguments:
        arguments.format = _format(arguments)
    _spare_input(arguments)
    return int(COMMANDS[arguments.command](arguments))


def _format(arguments: argparse.Namespace) -> str:
    """What `--format` says, else what the file's ending does: a text table called .parquet would
    be found out late."""
    if arguments.format is not None:
        return str(arguments.format)
    ending = Path(arguments.output or "").suffix
    form = ENDINGS.get(ending[1:].lower(), "text")
    if form not in arguments.formats:
        offered = ", ".join(arguments.formats)
        raise UsageError(
            f"{arguments.output}: `finis {arguments.command}` writes no {form}; "
            f"--format offers {offered}"
        )
    return form


def _spare_input(arguments: argparse.Namespace) -> None:
    """Evidence is never overwritten: `--output` must not be a file that is read, be it named or
    met in a folder."""
    from finis.report.output import is_standard

    if is_standard(arguments.output) or not Path(arguments.output).is_file():
        return
    from finis.wire.discovery import discover

    target = Path(arguments.output)
    for one in discover(getattr(arguments, "paths", []) or ["-"], {}):
        if one.path != "-" and target.samefile(one.path):
            raise UsageError(f"{one.path} is input: --output would overwrite it")


def options(arguments: argparse.Namespace) -> Options:
    """The pipeline's options from the command line's."""
    from finis.pipeline import Options
    from finis.wire import names

    zones = dict(arguments.tz)
    known: dict[str, str] = {}
    for path in arguments.names:
        known.update(names.load(path))
    hosts = {
        host: name for name, text in arguments.device for host in text.split(",") if host.strip()
    }
    default = zones.pop("", None)
    made = Options(
        tz_of=zones,
        date=arguments.date,
        year=arguments.year,
        names=known,
        points={path: name for name, path in arguments.point},
        devices=hosts,
        since=arguments.since,
        until=arguments.until,
        hosts=tuple(known.get(host, host) for host in arguments.host),
        ports=tuple(arguments.port),
    )
    if default is not None:
        made.tz = default
    return made


@contextmanager
def case(arguments: argparse.Namespace, *, again: bool = False, **settings: Any) -> Iterator[Case]:
    """Read the paths, with a progress bar where a person waits.  `again`: the input will be read
    a second time, so standard input is spooled.  `settings`: further Options."""
    from finis.cli.interrupt import interruptible
    from finis.cli.progress import Bar
    from finis.cli.spool import spooled
    from finis.pipeline import read

    made = replace(options(arguments), **settings)
    with spooled(arguments.paths, again) as paths:
        with Bar(paths) as bar, interruptible() as stopped:
            made.progress, made.stop = bar.advance, stopped
            found = read(paths, made)
        if any(source.kind == "capture" for source in found.sources):
            say_uncompiled()
        yield found


def say_uncompiled() -> None:
    """One line where the kernels are missing; none where ``FINIS_PURE=1`` chose the reference."""
    import os

    from finis.tracking import segments
    from finis.wire import kernel

    if os.environ.get("FINIS_PURE") != "1" and not (kernel.compiled() and segments.compiled()):
        print(
            "finis: the compiled kernels are not installed: the readable reference reads captures, "
            "slower and with the same results",
            file=sys.stderr,
        )


def diagnose(arguments: argparse.Namespace) -> int:
    """`finis diagnose`."""
    first = 0  # rows: the JSON lists some, other formats none
    if arguments.format == "json":
        from finis.report.diagnosis import LISTED

        first = LISTED
    with case(arguments, keep=False, first=first) as found:
        from finis.report.diagnosis import document, facts  # where much is read, meanwhile

        if arguments.format == "json":
            emit_json(facts(found), arguments.output)
        else:
            emit(document(found, whole=arguments.all), arguments.format, arguments.output)
        if arguments.fail_on:
            least = Harm[arguments.fail_on.upper()]
            if any(finding.harm >= least for finding in found.everything):
                return FOUND
    return DONE


def explain(arguments: argparse.Namespace) -> int:
    """`finis explain`."""
    from finis.report.explanation import document, facts

    with case(arguments, again=True, wanted=(arguments.connection,)) as found:
        told = found.explain(arguments.connection)
        if arguments.format == "json":
            emit_json(facts(told), arguments.output)
        else:
            emit(document(told), arguments.format, arguments.output)
    return DONE


def compare(arguments: argparse.Namespace) -> int:
    """`finis compare`."""
    from finis.report.comparison import document, facts

    wanted = (arguments.first, arguments.second)
    with case(arguments, again=True, wanted=wanted) as found:
        pair = found.explain(arguments.first), found.explain(arguments.second)
        if arguments.format == "json":
            emit_json(facts(*pair), arguments.output)
        else:
            emit(document(*pair), arguments.format, arguments.output)
    return DONE


def whatif(arguments: argparse.Namespace) -> int:
    """`finis whatif`."""
    from finis.diagnosis.whatif import table
    from finis.intake import NEVER
    from finis.report.whatif import document, facts

    asked = {
        name: value
        for name in ("linger", "half-closed", "idle", "embryonic")
        if (value := getattr(arguments, name.replace("-", "_"))) is not None
    }
    with case(arguments, batch=NEVER, timers=True) as found:
        devices = found.whatif(asked, dict(arguments.now))
        if arguments.format == "json":
            emit_json(facts(found, devices), arguments.output)
        elif arguments.format in ("csv", "jsonl", "parquet", "arrow"):
            return emit_table(table(devices), arguments, [])
        else:
            emit(document(found, devices), arguments.format, arguments.output)
    return DONE


def connections(arguments: argparse.Namespace) -> int:
    """`finis connections`."""
    from finis.report.formats import packed_writer

    only = "" if arguments.by_point else "connections"
    with case(arguments, every_fact=False, only=only) as found:
        if arguments.by_point:
            return emit_table(found.by_point, arguments, CONNECTION_COLUMNS)
        verdicts = found.verdicts
        write = packed_writer("connections") if arguments.format == "parquet" else None
        if verdicts.listing is None or verdicts.captured is not None or write is None:
            return emit_batches(verdicts.frames("connections"), arguments, CONNECTION_COLUMNS)
        return _emit(arguments, lambda stream: write(verdicts.listing, stream))


def denials(arguments: argparse.Namespace) -> int:
    """`finis denials`."""
    with case(arguments, every_fact=False, only="denials") as found:
        return emit_batches(found.verdicts.frames("denials"), arguments, DENIAL_COLUMNS)


def events(arguments: argparse.Namespace) -> int:
    """`finis events`: written batch by batch, never all in memory."""
    from finis.pipeline import event_batches, event_frames
    from finis.report.formats import packed_writer

    if arguments.format == "parquet" and (write := packed_writer("events")) is not None:
        batches = event_batches(arguments.paths, options(arguments))
        return _emit(arguments, lambda stream: write(batches, stream))
    return emit_batches(event_frames(arguments.paths, options(arguments)), arguments, EVENT_COLUMNS)


def segments(arguments: argparse.Namespace) -> int:
    """`finis segments`: written batch by batch, never all in memory."""
    from finis.pipeline import segment_frames

    say_uncompiled()
    frames = segment_frames(arguments.paths, options(arguments))
    return emit_batches(frames, arguments, SEGMENT_COLUMNS)


def causes(arguments: argparse.Namespace) -> int:
    """`finis causes`."""
    from finis.report.catalogue import catalogue_facts, index, page

    if arguments.format == "json":
        emit_json(catalogue_facts(arguments.id), arguments.output)
    else:
        built = page(arguments.id) if arguments.id else index()
        emit(built, arguments.format, arguments.output)
    return DONE


def lab(arguments: argparse.Namespace) -> int:
    """`finis lab`."""
    from finis.cli import lab as labs

    return labs.run(arguments)


COMMANDS = {
    "diagnose": diagnose,
    "explain": explain,
    "compare": compare,
    "whatif": whatif,
    "connections": connections,
    "denials": denials,
    "events": events,
    "segments": segments,
    "causes": causes,
    "lab": lab,
}

# What fits a terminal; every other format has all columns.
CONNECTION_COLUMNS = [
    "conn_id",
    "first_ts",
    "orig_h",
    "orig_p",
    "resp_h",
    "resp_p",
    "orig_bytes",
    "resp_bytes",
    "duration",
    "ended",
    "ending",
    "cause",
    "cause_name",
    "confidence",
    "harm",
]
DENIAL_COLUMNS = [
    "ts",
    "line",
    "msg_id",
    "proto",
    "interface",
    "src_h",
    "src_p",
    "dst_h",
    "dst_p",
    "flags",
    "lag_s",
    "teardown_reason",
    "seen_before",
    "cause",
    "cause_name",
    "confidence",
    "harm",
]
EVENT_COLUMNS = [
    "ts",
    "line",
    "msg_id",
    "kind",
    "conn_id",
    "a_if",
    "a_h",
    "a_p",
    "b_if",
    "b_h",
    "b_p",
    "duration_s",
    "bytes",
    "reason",
    "flags",
    "text_ok",
]
SEGMENT_COLUMNS = [
    "ts",
    "point",
    "frame",
    "src_h",
    "src_p",
    "dst_h",
    "dst_p",
    "flags",
    "seq",
    "ack",
    "win",
    "payload_len",
    "tls",
]


# Left out in this order where a terminal is too narrow for all.
SPARED = (
    "text_ok", "confidence", "tls", "win", "seen_before", "ended", "a_if", "b_if", "cause",
    "orig_bytes", "resp_bytes", "interface", "lag_s", "ack", "msg_id", "duration", "kind",
    "ending", "bytes", "duration_s", "teardown_reason", "harm", "first_ts", "ts",
)  # fmt: skip


# --- writing -------------------------------------------------------------------------------


def emit(document: Document, form: str, output: str | None) -> None:
    """Print or write a report as text, md or html."""
    if form == "text" and output is None:
        from finis.report.text import shown

        _write(shown(document, sys.stdout), None, sys.stdout.encoding or "utf-8")
        return
    module = {"text": "text", "md": "markdown", "html": "html"}[form]
    render: Any = import_module(f"finis.report.{module}").render
    _write(render(document), output)


def emit_json(value: Any, output: str | None) -> None:
    """Print or write a value as JSON."""
    from finis.report.formats import to_json

    _write(to_json(value), output)


def _write(text: str, output: str | None, encoding: str = "utf-8") -> None:
    from finis.report.output import writing

    with writing(output) as target:
        target.write(text.encode(encoding, "backslashreplace"))


def emit_table(frame: pl.DataFrame, arguments: argparse.Namespace, columns: list[str]) -> int:
    """A table that is whole in memory."""
    return emit_batches(iter([frame]), arguments, columns)


def emit_batches(
    frames: Iterator[pl.DataFrame], arguments: argparse.Namespace, columns: list[str]
) -> int:
    """A table that comes in batches, in the format asked for."""
    from finis.report import formats, grid
    from finis.report.output import is_standard
    from finis.report.text import terminal_width

    def write(stream: IO[bytes]) -> None:
        if arguments.format != "text":
            formats.write_batches(frames, arguments.format, stream)
            return
        width = terminal_width(sys.stdout) if is_standard(arguments.output) else None
        left_out = grid.write(frames, columns, stream, width, SPARED)
        if left_out:
            names = ", ".join(left_out)
            print(f"finis: too narrow for {names}; --format csv has all columns",
                  file=sys.stderr)  # fmt: skip

    return _emit(arguments, write)


def _emit(arguments: argparse.Namespace, write: Callable[[IO[bytes]], None]) -> int:
    """Have the output written."""
    from finis.report.output import is_standard, writing

    form, terminal = arguments.format, is_standard(arguments.output) and sys.stdout.isatty()
    if form in ("parquet", "arrow") and terminal:
        raise UsageError(f"{form} is not for a terminal: give --output FILE")
    with writing(arguments.output) as target:
        write(cast("IO[bytes]", target))
    return DONE
