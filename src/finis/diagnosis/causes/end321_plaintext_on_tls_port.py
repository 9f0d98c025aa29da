"""A client that speaks no TLS reached a server that does.

## What happened
The client's first bytes are no TLS record (an HTTP request, for example), the server's answer is,
or is an alert; the server then ended the connection.

## Evidence
The first bytes of both sides. Where the server closed without any, only the port says that it
expects TLS; that is possible, no more (OpenSSL, asked to speak HTTP, sends no alert).

## Look-alikes
A protocol that starts in plaintext and turns to TLS later (STARTTLS) does so on other ports.

## Harm
Harmful: client and server cannot understand each other.

## What to change
Use https or the TLS setting in the client, or the right port.

## References
RFC 8446 §5.1; RFC 9110 §4.2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Confidence, Harm, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


def _mute_on_tls_port() -> pl.Expr:
    return (
        pl.col("resp_p").is_in(facts.TLS_PORTS)
        & facts.RESP.sent_nothing
        & facts.no(facts.positive("r_rexmit"))
        & facts.no(pl.col("midstream"))
        & (facts.RESP.reset_it | facts.RESP.fin_first)
    )


class PlaintextOnTlsPort(Cause):
    id, name, table = "END321", "plaintext-on-tls-port", "connections"
    title = "the client spoke no TLS to a server that does"
    beats = (
        *facts.ORDERLY, *facts.ORDERLY_WEAK, *facts.FIN_THEN_RST, *facts.ABORTS,
        "END204", "END301", "END310", "END311", "END320", "END391", "END405",
    )  # fmt: skip
    confidence = facts.confidence(
        (facts.RESP.proto("tls") | facts.RESP.alert("fatal"), Confidence.LIKELY),
        otherwise=Confidence.POSSIBLE,
    )
    harm = Harm.HARMFUL
    harm_why = "to the client: the two do not speak the same protocol"
    remedy = {
        "client": "use TLS (https) for {server} port {server_p}, or the plaintext port",
        "nginx": "error_page 497 https://$host$request_uri; answers such requests with a redirect",
        "HAProxy": "http-request redirect scheme https, on a plaintext port of its own",
        "AWS": "a plaintext listener whose default action redirects to HTTPS",
    }
    references = ("RFC 8446 §5.1",)
    not_this = ("not a failed handshake: the client never began one",)

    @classmethod
    def where(cls) -> pl.Expr:
        server = facts.RESP.proto("tls") | facts.RESP.alert("fatal") | _mute_on_tls_port()
        return facts.packets() & facts.ORIG.proto("http") & server

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        text = (
            f"The client's first bytes to {telling.who(story, Side.RESP)} are HTTP in the clear; "
            + (
                "the server's first bytes are a TLS record."
                if telling.public(story, Side.RESP, "bytes")
                else f"port {story.row['resp_p']} is one of TLS, and the server closed without a "
                "byte of an answer."
            )
        )
        shown = (*telling.first_bytes(story, Side.ORIG), *telling.first_bytes(story, Side.RESP))
        return [Claim(text, shown, "RFC 8446 §5.1"), *telling.log_end(story)]
