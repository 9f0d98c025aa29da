"""`terms.Quirk` and `terms.Flag` as plain integers: arithmetic on the enums themselves would cost
more than reading the line."""

from __future__ import annotations

from finis.terms import Flag, Quirk

FIN, SYN, RST, PSH = int(Flag.FIN), int(Flag.SYN), int(Flag.RST), int(Flag.PSH)
ACK, URG, ECE, CWR, AE = int(Flag.ACK), int(Flag.URG), int(Flag.ECE), int(Flag.CWR), int(Flag.AE)

NO_SEQ, NO_WIN, NO_TTL = int(Quirk.NO_SEQ), int(Quirk.NO_WIN), int(Quirk.NO_TTL)
NO_IP_ID, NO_PAYLOAD = int(Quirk.NO_IP_ID), int(Quirk.NO_PAYLOAD)
HAS_TS, HAS_WSCALE, HAS_MSS = int(Quirk.HAS_TS), int(Quirk.HAS_WSCALE), int(Quirk.HAS_MSS)
HAS_SACK, SACK_PERMITTED = int(Quirk.HAS_SACK), int(Quirk.SACK_PERMITTED)
HAS_MD5, BAD_OPTIONS = int(Quirk.HAS_MD5), int(Quirk.BAD_OPTIONS)
TRUNCATED_HEADER, BAD_CHECKSUM = int(Quirk.TRUNCATED_HEADER), int(Quirk.BAD_CHECKSUM)
DF, OVERSIZE, FRAGMENT_MISSING = int(Quirk.DF), int(Quirk.OVERSIZE), int(Quirk.FRAGMENT_MISSING)
UNDATED, DROPPED = int(Quirk.UNDATED), int(Quirk.DROPPED)
RELATIVE_SEQ, TUNNELLED = int(Quirk.RELATIVE_SEQ), int(Quirk.TUNNELLED)
