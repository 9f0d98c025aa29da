"""A client began TLS with a server that answers in plaintext.

## What happened
The client sent a ClientHello; the server, which speaks a plaintext protocol on that port, answered
with an error or a greeting, and the connection ended.

## Evidence
The first bytes of both sides.

## Look-alikes
A proxy error page in plaintext in front of a TLS server.

## Harm
Harmful: client and server cannot understand each other.

## What to change
Use the TLS port, or switch TLS off in the client for this one.

## References
RFC 8446 §5.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


class TlsOnPlaintextPort(Cause):
    id, name, table = "END322", "tls-on-plaintext-port", "connections"
    title = "the client spoke TLS to a server that does not"
    beats = (
        *facts.ORDERLY, *facts.ORDERLY_WEAK, *facts.FIN_THEN_RST, *facts.ABORTS,
        "END204", "END301", "END310", "END311", "END320", "END391", "END405",
    )  # fmt: skip
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "to the client: the two do not speak the same protocol"
    remedy = {
        "client": "use the TLS port of {server}, or no TLS on port {server_p}",
        "nginx": "listen {server_p} ssl, if TLS is meant",
        "HAProxy": "bind :{server_p} ssl crt FILE, if TLS is meant",
    }
    references = ("RFC 8446 §5.1",)
    not_this = ("not a failed handshake: the server never sent a TLS record",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.packets() & facts.ORIG.proto("tls") & facts.RESP.proto("http", "ssh")

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        speaks = telling.column(story, Side.RESP, "proto")
        text = (
            f"The client's first bytes are TLS, those of {telling.who(story, Side.RESP)} are "
            f"{speaks}."
        )
        shown = (*telling.first_bytes(story, Side.ORIG), *telling.first_bytes(story, Side.RESP))
        return [Claim(text, shown, "RFC 8446 §5.1"), *telling.log_end(story)]
