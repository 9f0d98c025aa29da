"""Programs that speak TLS, and how each is made to do what a situation asks.

A program's function returns the commands of one run; all are started together.  What none of its
commands can do a program has no situation for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "clients"
KEYS = "keys.txt"  # TLS secrets, in the folder of the run
LOADED_S = 2.0  # programs that are killed have their response by then


@dataclass(frozen=True)
class Task:
    """What is asked of a program: `times` connections to every port."""

    situation: str
    address: str
    ports: tuple[int, ...]
    times: int

    def each(self) -> list[int]:
        """The ports, each as often as connections are wanted."""
        return [port for port in self.ports for _ in range(self.times)]

    def url(self, port: int) -> str:
        path = {"abandoned": "big", "connection-close": "close"}.get(self.situation, "")
        if self.situation.startswith("refused-body"):
            path = "deny"
        return f"https://{self.address}:{port}/{path}"


@dataclass(frozen=True)
class Program:
    """A client.  `lives_s`: it is told to end after so long, where it would go on for ever."""

    needs: tuple[str, ...]
    situations: tuple[str, ...]
    commands: Callable[[Task], list[list[str]]]
    lives_s: float = 0.0


def _shell(*lines: str) -> list[list[str]]:
    return [["sh", "-c", line] for line in lines]


def _python(manner: str) -> Callable[[Task], list[list[str]]]:
    def commands(task: Task) -> list[list[str]]:
        script = str(SOURCES / "client.py")
        given = (manner, task.situation, task.address)
        return [[sys.executable, script, *given, str(port), str(task.times)] for port in task.ports]

    return commands


def _java(manner: str) -> Callable[[Task], list[list[str]]]:
    def commands(task: Task) -> list[list[str]]:
        ports = ",".join(map(str, task.ports))
        given = (manner, task.situation, task.address, ports, str(task.times))
        return [
            ["java", "-XX:+UseSerialGC", "-XX:-UsePerfData", str(SOURCES / "Client.java"), *given]
        ]

    return commands


def _node(manner: str) -> Callable[[Task], list[list[str]]]:
    def commands(task: Task) -> list[list[str]]:
        script = str(SOURCES / "client.js")
        given = (manner, task.situation, task.address)
        return [
            ["node", f"--tls-keylog={KEYS}", script, *given, str(port), str(task.times)]
            for port in task.ports
        ]

    return commands


def _typed(task: Task) -> str:
    """A shell command that types a request and keeps standard input open for a while."""
    if task.situation == "no-request":
        return ":"
    path = {"abandoned": "/big", "connection-close": "/close"}.get(task.situation, "/")
    stays = {"server-expires": 2.5, "killed": 20}.get(task.situation, 0.7)
    return f"{{ printf 'GET {path} HTTP/1.1\\r\\nHost: lab\\r\\n\\r\\n'; sleep {stays}; }}"


def _reading(task: Task) -> str:
    """What reads a program's output: all, or only the beginning."""
    return "head -c 20000 >/dev/null" if task.situation == "abandoned" else "cat >/dev/null"


def _openssl(task: Task) -> list[list[str]]:
    given = f"openssl s_client -keylogfile {KEYS} -connect {task.address}"
    return _shell(*(f"{_typed(task)} | {given}:{port} | {_reading(task)}" for port in task.each()))


def _gnutls(task: Task) -> list[list[str]]:
    given = f"gnutls-cli --insecure {task.address} -p"
    return _shell(*(f"{_typed(task)} | {given} {port} | {_reading(task)}" for port in task.each()))


def _curl(task: Task) -> list[list[str]]:
    options = "-sk -m 10"
    if task.situation.startswith("refused-body"):
        options += " -H Expect: --data-binary @body"
    # Then a file, later: what is done at its time is done with the connection in curl's cache.
    then = {"server-expires": "--rate 24/m", "killed": "--rate 2/m"}.get(task.situation)
    after = f"{then} file:///dev/null" if then else ""
    return _shell(
        *(f"curl {options} {task.url(port)} {after} | {_reading(task)}" for port in task.each())
    )


BROWSER = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync",
    "disable-background-networking", "disable-component-update", "ignore-certificate-errors",
    "remote-debugging-port=0",
)  # fmt: skip


def _chromium(task: Task) -> list[list[str]]:
    options = [f"--{option}" for option in BROWSER]
    page = {"abandoned": "big.html", "connection-close": "close.html"}.get(
        task.situation, "all.html"
    )
    url = f"https://{task.address}:{task.ports[0]}/{page}"
    return [
        [
            "chromium",
            *options,
            f"--user-data-dir=profile{number}",
            f"--ssl-key-log-file={KEYS}",
            url,
        ]
        for number in range(task.times)
    ]


RAW = (
    "client-first", "server-expires", "server-expires-read", "connection-close", "no-request",
    "write-only", "abandoned", "half-close", "refused-body", "refused-body-hard",
)  # fmt: skip
PIPED = ("client-first", "server-expires", "connection-close", "no-request", "abandoned", "killed")
POOLED = (
    "client-first", "server-expires", "connection-close", "abandoned", "refused-body",
    "refused-body-hard",
)  # fmt: skip
PROGRAMS: dict[str, Program] = {
    "openssl": Program(("openssl",), PIPED, _openssl),
    "gnutls": Program(("gnutls-cli",), PIPED, _gnutls),
    "curl": Program(("curl",), (*POOLED, "killed"), _curl),
    **{f"python-{manner}": Program((), RAW, _python(manner)) for manner in ("close", "notify")},
    **{
        f"python-{manner}": Program((), ("client-first", "server-expires"), _python(manner))
        for manner in ("unwrap", "shutdown")
    },
    "java-socket": Program(("java",), RAW, _java("socket")),
    "java-url": Program(("java",), POOLED, _java("url")),
    "java-http": Program(("java",), POOLED, _java("http")),
    "node-https": Program(("node",), POOLED, _node("https")),
    "node-end": Program(("node",), ("no-request", "write-only", "half-close"), _node("tls-end")),
    "node-destroy": Program(("node",), ("no-request", "write-only"), _node("tls-destroy")),
    "chromium": Program(
        ("chromium",),
        ("server-expires", "connection-close", "abandoned", "killed"),
        _chromium,
        16.0,
    ),
}
