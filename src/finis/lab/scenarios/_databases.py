"""Database servers, as connection pools meet them."""

from __future__ import annotations

import pwd
import shutil
import subprocess

from finis.lab.scenario import Lab, which
from finis.lab.scenarios._programs import listening
from finis.lab.spaces import commons

CONFIG = """
listen_addresses = '*'
unix_socket_directories = ''
fsync = off
shared_buffers = 1MB
max_connections = 8
autovacuum = off
dynamic_shared_memory_type = mmap
"""


def postgres(lab: Lab, settings: str = "") -> None:
    """PostgreSQL on port 5432 of the server's host; anybody may connect."""
    folder = commons(lab.work) / "postgres"
    user = next(one for one in ("postgres", "nobody") if _known(one))
    folder.mkdir()
    shutil.chown(folder, user)
    initdb, server = which("initdb"), which("postgres")
    assert initdb is not None and server is not None
    subprocess.run(
        [initdb, "-D", str(folder), "-A", "trust", "-U", "lab", "--no-sync", "-E", "SQL_ASCII",
         "--locale=C"], user=user, check=True, capture_output=True, timeout=30, cwd="/",
    )  # fmt: skip
    with (folder / "postgresql.conf").open("a") as config:
        config.write(CONFIG + settings)
    with (folder / "pg_hba.conf").open("a") as access:
        access.write("host all all all trust\n")
    lab.network.start(lab.network.server, server, "-D", str(folder), user=user, cwd="/")
    listening(lab.network.server, 5432)


def session(lab: Lab, options: str = "") -> subprocess.Popen[bytes]:
    """A psql that holds one connection and takes statements on its standard input."""
    asked = f"host={lab.address} user=lab dbname=postgres sslmode=disable gssencmode=disable "
    return lab.network.start(
        lab.network.client, "psql", "-X", "-A", "-t", asked + options,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip


def ask(program: subprocess.Popen[bytes], statement: str, answer: bool = True) -> str:
    """One statement; its answer of one line, unless nobody is to wait for it."""
    assert program.stdin is not None and program.stdout is not None
    program.stdin.write(statement.encode() + b"\n")
    program.stdin.flush()
    return program.stdout.readline().decode().strip() if answer else ""


def redis(lab: Lab, *options: str) -> None:
    """Redis on port 6379 of the server's host."""
    lab.network.start(
        lab.network.server, "redis-server", "--bind", lab.network.server_ip,
        "--protected-mode", "no", "--save", "", *options, cwd=str(lab.work),
    )  # fmt: skip
    listening(lab.network.server, 6379)


def _known(user: str) -> bool:
    return user in {one.pw_name for one in pwd.getpwall()}
