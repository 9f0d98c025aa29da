"""How a TLS alert looks to someone who sees only the size of the last data.

Sizes are whole records, header included, with a 2-byte alert: plaintext (RFC 5246 §7.2), TLS 1.2
AEAD with explicit nonce (RFC 5288 §3: 5+8+2+16), ChaCha20-Poly1305 (RFC 7905), CBC with and
without encrypt-then-MAC (RFC 5246 §6.2.3.2, RFC 7366), RC4 and NULL, TLS 1.3 (RFC 8446 §5.2:
5+2+1+16).  The common ones were measured with OpenSSL 3.0.  A size fits by chance, too, so it
never makes more than "likely".
"""

from __future__ import annotations

ALERT_SIZES: dict[int, str] = {
    7: "plaintext",
    23: "TLS 1.2 ChaCha20-Poly1305 or AES-CCM-8; RC4-MD5",
    24: "TLS 1.3 with a 16-byte tag",
    27: "RC4-SHA or NULL-SHA",
    29: "TLS 1.0 3DES-CBC-SHA",
    31: "TLS 1.2 AES-GCM, ARIA-GCM or AES-CCM",
    33: "TLS 1.0 3DES-CBC-SHA, encrypt-then-MAC",
    37: "TLS 1.0 AES-CBC-SHA, or TLS 1.2 3DES-CBC-SHA",
    39: "NULL-SHA256",
    41: "TLS 1.0 AES-CBC-SHA or TLS 1.2 3DES-CBC-SHA, encrypt-then-MAC",
    53: "TLS 1.2 AES-CBC-SHA",
    57: "TLS 1.2 AES-CBC-SHA, encrypt-then-MAC",
    69: "TLS 1.2 AES-CBC-SHA256",
    85: "TLS 1.2 AES-CBC-SHA384",
}

# Ports on which TLS starts with the first byte (IANA: https, nntps, ldaps, ftps, telnets, imaps,
# pop3s, submissions, sip-tls, dot, mqtts, amqps, docker-s) and the common alternatives of https.
TLS_PORTS = frozenset(
    {443, 465, 563, 636, 853, 989, 990, 992, 993, 994, 995, 2376, 3269, 4433, 4443, 5061, 5671,
     5986, 6443, 6514, 8443, 8883, 9443, 10443}
)  # fmt: skip


def starts_like_tls(head: int, head_len: int) -> bool:
    """Do the first payload bytes (tables.SEGMENT head) read as a TLS record header?  Content type
    20 … 23 and version 3.0 … 3.4 (RFC 8446 §5.1)."""
    return (
        head_len >= 3 and 0x14 <= head >> 56 <= 0x17 and 0x0300 <= (head >> 40) & 0xFFFF <= 0x0304
    )
