"""The connection ended in the middle of the TLS handshake.

## What happened
The server answered the ClientHello, and the connection was closed or reset before the client had
sent its Finished: no application byte could be exchanged. In TLS 1.3 a client that refuses what it
got (certificate, name, parameters) says so in an alert that is already encrypted, so that a failure
has the size of a farewell.

## Evidence
The client's first record is a ClientHello, the server's a ServerHello, and what the client sent
after that record is shorter than any Finished (verify_data of at least 12 bytes with its headers,
protection and tag: 37 bytes in TLS 1.2, 50 in TLS 1.3).

## Look-alikes
A readable alert says what was wrong (END320). A server that sent no ServerHello refused (END323).
A forged RST (END316) may come at that moment, too.

## Harm
Harmful where the client's last record is an encrypted alert: it refused, likely. Otherwise it
depends: health checks and scanners stop after the ServerHello on purpose, and a close_notify in
clear is no refusal.

## What to change
What the client objects to stands in its log: mostly a certificate or a name it does not accept. If
it fell silent instead, see whether the server's large segments reached it.

## References
RFC 8446 §2, §4.4.4, §6.2; RFC 5246 §7.4.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class TlsHandshakeUnfinished(Cause):
    id, name, table = "END324", "tls-handshake-unfinished", "connections"
    title = "the connection ended before the TLS handshake was complete"
    beats = (
        *facts.ORDERLY, *facts.ORDERLY_WEAK, *facts.FIN_THEN_RST, *facts.ABORTS,
        "END204", "END301", "END310", "END311", "END391", "END405",
    )  # fmt: skip
    harm = facts.harm((facts.ORIG.notify("likely"), Harm.HARMFUL), otherwise=Harm.DEPENDS)
    harm_why = (
        "harmful to the client where it refused what the server sent; else it depends on whether "
        "it meant to go on: health checks and scanners stop here"
    )
    remedy = {
        "client": "its log names what it refused: trust, name, version or cipher suite",
        "server": "openssl s_client -connect {server}:{server_p} -servername NAME shows the chain "
        "and how the handshake ends",
        "network": "if the client fell silent: do the server's large segments reach it (END409)?",
        "Windows": "Schannel events 36882 and 36884 in the client's System log",
        "Linux": "update-ca-certificates (or update-ca-trust) on the client, if it does not know "
        "the issuer",
    }
    references = ("RFC 8446 §2", "RFC 8446 §6.2", "RFC 5246 §7.4.9")
    not_this = (
        "not a farewell after use: without the client's Finished no application data is accepted",
    )

    @classmethod
    def where(cls) -> pl.Expr:
        ended = facts.ORIG.fin | facts.RESP.fin | facts.ORIG.reset_it | facts.RESP.reset_it
        return facts.packets() & facts.tls_unfinished() & ended

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        rest = story.row.get("o_after_hello") or 0
        sent = f"only {telling.count(rest, 'byte')}" if rest else "nothing"
        text = (
            f"After its ClientHello {telling.who(story, Side.ORIG)} sent {sent}: a Finished is "
            f"longer than that ({facts.LEAST_FINISHED_BYTES} bytes at least)."
        )
        shown = telling.proofs(story, Role.LAST_DATA, Side.ORIG)
        claims = [Claim(text, shown, "RFC 8446 §4.4.4")]
        if telling.public(story, Side.ORIG, "close_notify") == "likely":
            text = (
                "Its last data has the size of a TLS alert, encrypted: before the handshake is "
                "complete that is a refusal, likely."
            )
            claims.append(Claim(text, shown, "RFC 8446 §6.2"))
        return [*claims, *telling.fins_and_rsts(story)]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "The client gave up for a reason of its own: user_canceled, a timer, a check that "
                "wants no more than a ServerHello.",
                "the client's log; an alert's text is visible with its keys (SSLKEYLOGFILE)",
            )
        ]
