"""Log messages as templates: one line of text per message, compiled to an anchored regex.

A template is the message as the vendor's manual prints it:

``{name}`` or ``{name:token}``
    a field; without a token its name decides (see `DEFAULT_TOKENS`)
``{a:endpoint}``
    a composite (see `COMPOSITES`): several fields, names prefixed ``a_``
``[ … ]``
    optional, nests
``~``
    blanks that may be missing; a blank stands for one or more blanks of any kind (tab, U+00A0)
``\\x``
    the character x itself

Matching is linear in the length of the line: every repetition is either bounded or stops at a
character that cannot start what follows, and endpoints are atomic groups, so that one endpoint
is never split again because a later one failed.
"""

from __future__ import annotations

import re
from functools import cache

from finis.records import dataclass

# One or more words without colon may precede the last word of an interface's name
# ("NP Identity Ifc"); the last may hold colons ("v1:outside"), so it is matched lazily.
_IF = r"(?:[^\s/():]{1,32} ){0,3}[^\s/()]{1,64}?"
_IN_BRACKETS = r"\[[0-9A-Fa-f:.]{2,45}\]"
# After "interface:" a host is IPv6 (has colons) or has none at all.
_HOST_AFTER_IF = (
    r"(?:[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{1,43}(?:%[\w.-]{1,32})?|[^\s:/(),;<>\"\[\]|]{1,255}"
    rf"|{_IN_BRACKETS})"
)
_HOST = rf"(?:[^\s/(),;<>\"\[\]|]{{1,255}}|{_IN_BRACKETS})"
_PORT = r"[A-Za-z0-9_-]{1,32}"
_WHO = r"\((?:[^()]|\([^()]*\))*+\)"
_END = r"(?![^\s(),;.])"  # a field ends where a blank or one of these follows

TOKENS = {
    "int": r"\d{1,18}",
    "host": _HOST,
    "port": _PORT,
    "if": _IF,
    "tail_if": r"\S[^\"]{0,62}?",
    "who": _WHO,
    "bare_who": r"[^\s():/][^():/]{0,63}?",
    "word": r"\S{1,255}",
    "proto": r"(?:protocol\s+)?[A-Za-z0-9_-]{1,24}",
    "with_ports": r"(?!icmp)[A-Za-z0-9_-]{1,24}",
    "direction": r"(?i:inbound|outbound)",
    "duration": r"\d{1,9}:\d\d:\d\d",
    "flags": r"[A-Z]{2,8}(?:\s+[A-Z]{2,8}){0,11}",
    "acl": r"[^\"\s]{1,255}",
    "icmp": r"[^()]{1,40}?[)]?[,]?",
    "number": r"\d{1,3}",
    "quote_word": r"'[^']{0,255}'|\"[^\"]{0,255}\"|[^\s,]{1,255}",
    "phrase": r"\S.{0,511}?",
    "parens": r"[^()]{0,160}",
    "colon": r"[^:;]{1,160}?",
    "slash": r"[/|]",
    "ring": r"\S{1,64}:RX\[\d{1,9}\]",
    "arrow": r"[=-]{1,2}>?",
    "rest": r".*",
}

DEFAULT_TOKENS = {
    "conn_id": "int",
    "bytes": "int",
    "hit_count": "int",
    "duration_s": "duration",
    "direction": "direction",
    "flags": "flags",
    "proto": "proto",
    "acl": "acl",
    "user": "who",
    "tail": "rest",
    "reason": "rest",
}

# name → template text with @ for the prefix; `«…»` is an atomic group.
COMPOSITES = {
    "endpoint": "«{@_if:if}~:~{@_h:host_after_if}~/{@_p:port}»[{@_who:who}]",
    "place": "«{@_if:if}~:~{@_h:host_after_if}[/{@_p:port}]{:end}»[~{@_who:id_who}]",
    "socket": "«{@_h:host}~/{@_p:port}»[{@_who:who}]",
    "bare": "«{@_h:host}[/{@_p:port}]{:end}»[{@_who:who}]",
    "mapped": "~(«{@_mapped_h:host}/{@_mapped_p:port}»)[{@_who2:who}]",
    "acl_endpoint": "«{@_if:if}/{@_h:host}»({@_p:port})[{@_who:who}]",
}

_INNER = {
    "host_after_if": _HOST_AFTER_IF,
    "end": _END,
    # a user or group behind an address without port, not the "(type 8, code 0)" of ICMP
    "id_who": r"(?!\(type)" + _WHO,
}


@dataclass(frozen=True, slots=True)
class Template:
    """A compiled template: `pattern` matches a whole message body, `fields` are its groups."""

    text: str
    pattern: re.Pattern[str]
    fields: tuple[str, ...]


def may_be_empty(token: str) -> bool:
    return re.fullmatch(TOKENS.get(token) or _INNER[token], "") is not None


def _field(name: str, token: str) -> str:
    token = token or DEFAULT_TOKENS.get(name, "")
    if not token:
        raise ValueError(f"no token known for field {name!r}")
    body = TOKENS.get(token) or _INNER[token]
    return f"(?P<{name}>{body})" if name else body


def _regex(text: str) -> str:
    out: list[str] = []
    i = 0
    while i < len(text):
        c = text[i]
        if c == "{":
            end = text.index("}", i)
            name, _, token = text[i + 1 : end].partition(":")
            if token in COMPOSITES:
                out.append(_regex(COMPOSITES[token].replace("@", name)))
            else:
                out.append(_field(name, token))
            i = end
        elif c == "\\":
            i += 1
            out.append(re.escape(text[i]))
        elif c == " ":
            out.append(r"\s+")
        elif c == "~":
            out.append(r"\s*")
        else:
            out.append({"[": "(?:", "]": ")?", "«": "(?>", "»": ")"}.get(c) or re.escape(c))
        i += 1
    return "".join(out)


def check_template(text: str) -> None:
    """Raises what `compile_template` raises for a mistake in the table, at a hundredth of its
    cost: a table is checked when it is loaded, its messages compiled when they are met."""
    _regex(text)


@cache
def compile_template(text: str) -> Template:
    """Raises `ValueError` or `KeyError` for a field without a token: a mistake in the table."""
    pattern = re.compile(_regex(text) + r"\s*", re.DOTALL)
    return Template(text, pattern, tuple(pattern.groupindex))
