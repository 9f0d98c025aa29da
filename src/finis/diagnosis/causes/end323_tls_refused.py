"""The ClientHello was answered with a RST or FIN instead of TLS.

## What happened
The client began TLS, and the connection ended without a byte from the server, or with nothing but
a close_notify in clear before any ServerHello: a filter that objects to the name in the
ClientHello, a server without that name, a policy, or a service that is not ready.

## Evidence
The client's first bytes are TLS, the server sent none or only that alert, and the server's side
ended the connection.

## Look-alikes
A server that crashed at that moment; a forged RST (END316), whose TTL is alien.

## Harm
Harmful: TLS was refused.

## What to change
Compare with a capture at the server: if the RST does not leave it, a device on the path decided.

## References
RFC 8446 §4.1 and §6.2 (a refusal should be an alert); RFC 6066 §3 (server name).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, missing, telling
from finis.diagnosis.cause import Alternative, Cause, Claim
from finis.terms import Confidence, Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


CLEAR_ALERT_BYTES = 7  # header 5, level and description (RFC 8446 §6)


class TlsRefused(Cause):
    id, name, table = "END323", "tls-refused", "connections"
    title = "the TLS ClientHello was answered with the end of the connection"
    beats = (*facts.ORDERLY, *facts.ORDERLY_WEAK, *facts.FIN_THEN_RST, *facts.ABORTS,
             "END204", "END301", "END310", "END311", "END312", "END391", "END405")  # fmt: skip
    confidence = Confidence.LIKELY
    harm = Harm.HARMFUL
    harm_why = "to the client: TLS was refused without a word"
    remedy = {
        "client": "openssl s_client -connect {server_seen}:{server_seen_p} -servername NAME, with "
        "and without the name",
        "network": "look for TLS inspection or name filters between {client} and {server}",
        "HAProxy": "strict-sni on the bind line, and tcp-request rules that reject",
        "Windows": "netsh http show sslcert: HTTP.sys resets where no certificate is bound to the"
        " name or port",
        "nginx": "a default server with ssl_reject_handshake off, or one for the name the client"
        " sends",
        "ASA": "on FTD the TLS decryption policy and URL rules: event 430003 names the rule",
    }
    references = ("RFC 8446 §6.2", "RFC 6066 §3")
    not_this = ("not a fatal TLS alert, which would say why (END320)",)

    @classmethod
    def where(cls) -> pl.Expr:
        return (
            facts.packets()
            & facts.ORIG.proto("tls")
            & (facts.RESP.sent_nothing | _only_farewell())
            & facts.no(facts.positive("r_rexmit"))
            # A ClientHello repeated and never acknowledged did not arrive: nobody refused it.
            & facts.no((pl.col("o_unacked") > 0) & (pl.col("o_rexmit") > 1))
            & facts.no(pl.col("midstream"))
            & (facts.RESP.reset_it | facts.RESP.fin_first)
        )

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        size = telling.public(story, Side.ORIG, "bytes") or 0
        answered = bool(telling.public(story, Side.RESP, "bytes"))
        nothing = "nothing but a close_notify in clear" if answered else "no payload at all"
        text = (
            f"The client sent {telling.count(size, 'byte')} that begin with a TLS record; "
            f"{telling.who(story, Side.RESP)} sent {nothing}."
        )
        return [
            Claim(text, telling.proofs(story, Role.LAST_DATA, Side.ORIG)),
            *telling.close_notify(story, Side.RESP),
            *telling.fin(story, Side.RESP),
            *telling.rst(story, Side.RESP),
        ]

    @classmethod
    def alternatives(cls, story: Story) -> list[Alternative]:
        return [
            Alternative(
                "A device on the path refused the name, in the server's name.",
                "TTL of the RST; a capture at the server",
            ),
            Alternative("The server has no certificate for the name.", "the server's log"),
        ]

    @classmethod
    def missing(cls, story: Story) -> list[str]:
        return missing.both_sides(missing.Where.of(story.row))


def _only_farewell() -> pl.Expr:
    """The server's one record is a close_notify in clear: no ServerHello, so nothing was agreed."""
    alone = facts.RESP.bytes == CLEAR_ALERT_BYTES
    return alone & facts.RESP.notify("yes") & facts.no(facts.RESP.col("gap")) & facts.whole()
