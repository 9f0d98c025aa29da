"""Names for addresses, from a hosts file or from a firewall's own ``name`` lines."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from finis.errors import InputError

LARGEST = 64 << 20  # bytes; a configuration beyond that is not one


def canonical(token: str) -> str | None:
    """An IPv4 or IPv6 address in its shortest form (RFC 5952), or None if it is none."""
    try:
        return ipaddress.ip_address(token).compressed
    except ValueError:
        return None


def parse(text: str) -> dict[str, str]:
    """Name → canonical address.

    Understands ``ADDRESS NAME [ALIAS…]`` (hosts) and ``name ADDRESS NAME [description …]``
    (ASA), mixed, in any order; ``#`` starts a comment; other lines are ignored, so that a whole
    running configuration can be given.  The first definition of a name wins.
    """
    names: dict[str, str] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        asa = bool(words) and words[0].lower() == "name"
        if asa:
            words = words[1:3]
        if len(words) < 2:
            continue
        address = canonical(words[0])
        if address is not None:
            for name in words[1:]:
                names.setdefault(name, address)
    return names


def load(path: str) -> dict[str, str]:
    """Read a names file; raises `InputError` if it cannot be read or names nothing."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(path, error.strerror or "cannot be read") from None
    if len(data) > LARGEST:
        raise InputError(path, "too large for a file of names")
    names = parse(data.decode("utf-8-sig", "replace"))
    if not names:
        raise InputError(path, "no line names an address")
    return names
