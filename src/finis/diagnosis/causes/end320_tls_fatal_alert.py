"""TLS failed: a side sent a fatal alert.

## What happened
The TLS handshake, or a record after it, was unacceptable to one side. It said why in an alert and
closed or reset the connection.

## Evidence
A readable alert record of fatal level, and its description.

## Look-alikes
Encrypted alerts cannot be read: one before the handshake is complete is END324. close_notify is no
failure (END208).

## Harm
Harmful: the application could not talk.

## What to change
By the description: certificate, name, version or cipher suite of client and server.

## References
RFC 8446 §6 and §6.2; RFC 5246 §7.2.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from finis.diagnosis import facts, telling
from finis.diagnosis.cause import Cause, Claim
from finis.terms import Harm, Role, Side

if TYPE_CHECKING:
    from finis.correlation.stories import Story


# RFC 8446 §6 (and, for the older ones, RFC 5246 §7.2)
ALERTS = {
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    114: "bad_certificate_hash_value",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}


class TlsFatalAlert(Cause):
    id, name, table = "END320", "tls-fatal-alert", "connections"
    title = "TLS failed: a fatal alert ended the connection"
    beats = (
        *facts.ORDERLY, *facts.ORDERLY_WEAK, *facts.FIN_THEN_RST, *facts.ABORTS,
        "END204", "END301", "END310", "END311", "END316", "END323", "END324", "END391", "END405",
    )  # fmt: skip
    harm = Harm.HARMFUL
    harm_why = "to the client: TLS could not be agreed on"
    remedy = {
        "server": "openssl s_client -connect {server_seen}:{server_seen_p} shows certificate and "
        "versions",
        "client": "by the alert's name: trust, name, version or cipher suite",
        "nginx": "ssl_certificate with the whole chain; ssl_protocols TLSv1.2 TLSv1.3;"
        " ssl_ciphers that the client knows",
        "HAProxy": "crt with the whole chain; ssl-min-ver TLSv1.2 on the bind line",
        "Windows": "Schannel events 36874 and 36888 in the System log; Get-TlsCipherSuite",
        "Linux": "update-ca-certificates (or update-ca-trust) on the client, if the alert is"
        " unknown_ca",
        "AWS": "the security policy of the listener: aws elbv2 describe-ssl-policies",
    }
    references = ("RFC 8446 §6.2", "RFC 5246 §7.2.2")
    not_this = ("not close_notify: the alert's level is fatal",)

    @classmethod
    def where(cls) -> pl.Expr:
        return facts.packets() & (facts.ORIG.alert("fatal") | facts.RESP.alert("fatal"))

    @classmethod
    def claims(cls, story: Story) -> list[Claim]:
        claims = []
        for side in (Side.ORIG, Side.RESP):
            if telling.column(story, side, "alert") == "fatal":
                code = telling.column(story, side, "alert_desc")
                name = ALERTS.get(code, "an unassigned description") if code is not None else "?"
                text = (
                    f"{telling.upper(telling.who(story, side))} sent a fatal TLS alert: {name} "
                    f"({code})."
                )
                shown = telling.proofs(story, Role.ALERT, side)
                claims.append(Claim(text, shown, "RFC 8446 §6.2"))
        return [*claims, *telling.fins_and_rsts(story)]
