"""Every table's columns in one place: name, type, unit or RFC symbol, meaning.

Two kinds live here.  *Records* (`SEGMENT`, `OBSERVATION`) are the packed rows that kernels fill
and read; `record_dtype()` turns them into NumPy dtypes.  *Tables* (`CONNECTIONS`, `EVENTS`, …) are
what users get; `polars_schema()` turns them into Polars schemas.  Documentation is generated from
both.  In tables, null means "not observable", while `none`, 0 or false is an observed absence.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from finis.records import dataclass

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


@dataclass(frozen=True, slots=True)
class Column:
    """One column: `type` is a NumPy code in records (``u4``, ``2u4`` for a pair orig, resp),
    one of ``text bool i8 f8 ts list`` in tables (``ts``: UTC, nanoseconds)."""

    name: str
    type: str
    meaning: str
    symbol: str = ""


def _columns(text: str) -> tuple[Column, ...]:
    """Parse ``name type [SYMBOL] meaning`` lines; SYMBOL is an RFC 9293 name in brackets."""
    out: list[Column] = []
    for line in text.strip().splitlines():
        name, kind, meaning = line.split(None, 2)
        symbol = ""
        if meaning.startswith("["):
            symbol, meaning = meaning[1:].split("] ", 1)
        out.append(Column(name, kind, meaning, symbol))
    return tuple(out)


# --- records -------------------------------------------------------------------------------

SEGMENT = _columns("""
ts_ns        i8 nanoseconds since 1970 UTC; since midnight where Quirk.UNDATED is set
src_hi       u8 source address, upper 64 bits (IPv4 as ::ffff:a.b.c.d)
src_lo       u8 source address, lower 64 bits
dst_hi       u8 destination address, upper 64 bits
dst_lo       u8 destination address, lower 64 bits
head         u8 first payload bytes, big-endian, left-aligned, head_len of them valid
payload_hash u8 fingerprint of payload_len and the first 16 (upper half), 64 bytes (lower); 0: none
conn         u8 number of the connection within its tracker (filled by tracking)
seq          u4 [SEG.SEQ] sequence number; see Quirk.NO_SEQ
ack          u4 [SEG.ACK] acknowledgement number; meaningful with Flag.ACK
payload_len  u4 payload bytes on the wire (not the captured ones), without SYN and FIN
ip_len       u4 bytes of the IP packet on the wire
tsval        u4 [TSval] timestamps option; with Quirk.HAS_TS
tsecr        u4 [TSecr] timestamps option
sack_left    u4 left edge of the first SACK block; with Quirk.HAS_SACK
sack_right   u4 right edge of the first SACK block
quirks       u4 terms.Quirk
frame        u4 frame number in the file, from 1 (text captures: the number printed, else the line)
role         u4 terms.Role (filled by tracking)
file         u2 source number
point        u2 point number
src_p        u2 source port
dst_p        u2 destination port
flags        u2 terms.Flag
win          u2 [SEG.WND] window field as sent, unscaled
vlan         u2 outermost VLAN id; 0: untagged
mss          u2 MSS option; with Quirk.HAS_MSS
ip_id        u2 IPv4 identification
drop         u2 number of the drop reason (asp-drop captures) in the source's list; 0: none
ttl          u1 TTL or hop limit
wscale       u1 window scale shift; with Quirk.HAS_WSCALE
head_len     u1 valid bytes of head
alert        u1 terms.Alert: what the end of the payload says
alert_desc   u1 TLS alert description where readable
kind         u1 terms.Kind (filled by tracking)
side         u1 terms.Side (filled by tracking)
sym          u1 1 + index of its symbol in the ending; 0: none (filled by tracking)
""")

OBSERVATION = _columns("""
orig_hi        u8 address of the side that sent the first SYN, upper 64 bits
orig_lo        u8 lower 64 bits
resp_hi        u8 address of the other side, upper 64 bits
resp_lo        u8 lower 64 bits
conn           u8 number of the connection within its tracker, in order of first segment
first_ns       i8 first segment
last_ns        i8 last segment
max_gap_ns     i8 longest silence between two segments
max_gap_at_ns  i8 when that silence began
closing_gap_ns i8 silence before the first FIN or RST (without one: 0)
established_ns i8 when the handshake was complete; 0: not seen
reuse_gap_ns   i8 silence since an earlier connection of the same tuple; -1: none known
bytes         2u8 payload bytes without retransmissions
ip_bytes      2u8 bytes of IP packets
after_fin     2u8 payload bytes sent for the first time after the peer's FIN was seen here
after_own_fin 2u8 payload beyond the side's own FIN: never legal
first_seg_ns  2i8 first segment of the side; 0: none
last_seg_ns   2i8 last segment of the side; 0: none
first_data_ns 2i8 first payload; 0: none
last_data_ns  2i8 last new payload; 0: none
fin_ns        2i8 first FIN; 0: none
fin_acked_ns  2i8 first ACK from the peer that covers the FIN; 0: none
rst_ns        2i8 first RST; 0: none
rst_lag_ns    2i8 time from the segment the first RST answers; -1: answers none or unseen
head          2u8 first payload bytes (as SEGMENT.head)
first_frame    u4 frame of the first segment
last_frame     u4 frame of the last segment
tail_at        u4 index of its first row in the tail array
tail_n         u4 rows in the tail array
pkts          2u4 segments
rexmit_pkts   2u4 retransmitted segments (keep-alives and window probes are not)
rexmit_bytes  2u4 payload bytes sent again
keep_alives   2u4 keep-alive probes sent
probes        2u4 zero-window probes sent
challenge     2u4 challenge ACKs sent
out_of_window 2u4 segments outside the receiver's window
zero_windows  2u4 segments announcing window 0 (RST excluded)
dup_acks      2u4 duplicate ACKs sent
isn           2u4 [ISS] initial sequence number
una           2u4 [SND.UNA] oldest unacknowledged number, as the peer's ACKs show
nxt           2u4 [SND.NXT] next number the side would send
fin_seq       2u4 sequence number of the FIN itself
fin_ack       2u4 ACK of the first FIN
rst_seq       2u4 SEQ of the first RST
rst_ack       2u4 ACK of the first RST (0 without ACK bit)
ending        16u2 symbols of the ending, see finis.tracking.endings
history       24u1 Zeek history, ASCII, 0-padded
orig_p         u2 port
resp_p         u2 port
point          u2 point number
vlan           u2 VLAN id; 0: untagged
file           u2 source number of the first segment
last_file      u2 source number of the last segment
syns          2u2 SYNs sent (with or without ACK), retransmissions included
fins          2u2 FINs sent, retransmissions included
rsts          2u2 RSTs sent
mss           2u2 MSS option of the SYN; 0: none
orientation    u1 terms.Orientation
established    u1 1: handshake complete, or midstream traffic with ACKs both ways
midstream      u1 1: the first segment seen was no SYN
simultaneous   u1 1: both sides sent a SYN without ACK
ended          u1 terms.Ended
first_fin      u1 0 orig, 1 resp, 255 none
first_rst      u1 0 orig, 1 resp, 255 none
conn_state     u1 index into finis.tracking.endings.CONN_STATES
reset_by       u1 side whose RST the peer had to accept and which ended it; 255 none
reuse_unanswered u1 1: that earlier connection had never been answered
isn_known     2u1 1: the side's SYN was seen
nxt_known     2u1 1: SND.NXT is known (some SEQ seen)
wscale        2u1 window scale shift; 255: no option or SYN unseen
rst_class     2u1 terms.RstClass of the first RST
rst_answers   2u1 terms.Answers of the first RST
rst_accept    2u1 terms.Accept of the most acceptable RST of the side
notify        2u1 terms.Notify
alert         2u1 the gravest terms.Alert seen from the side
alert_desc    2u1 its description
head_len      2u1 valid bytes of head
ttl_min       2u1 lowest TTL of the side's segments without RST
ttl_max       2u1 highest TTL of the side's segments without RST
rst_ttl       2u1 TTL of the side's first RST; 0: none
last_win0     2u1 1: the last window the side announced (RST excluded) was 0
""")


@cache
def record_dtype(columns: tuple[Column, ...]) -> np.dtype:
    """The NumPy dtype of a record: native byte order, in the order written, no padding inside
    (columns are sorted by width by hand), item size rounded up to 8 bytes."""
    import numpy as np

    names, formats, offsets, at = [], [], [], 0
    for column in columns:
        count = column.type[:-2]
        scalar = column.type[-2:]
        base = np.dtype(scalar)
        names.append(column.name)
        formats.append((scalar, (int(count),)) if count else scalar)
        offsets.append(at)
        at += base.itemsize * (int(count) if count else 1)
    itemsize = (at + 7) // 8 * 8
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize})


# --- tables --------------------------------------------------------------------------------

CONNECTIONS = _columns("""
conn_id          text finis's own id, the same whatever the batch size or thread count
points           text where it was seen, nearest to orig first, comma-separated
orig_h           text address of the side that sent the first SYN
orig_p           i8 port
resp_h           text address of the other side
resp_p           i8 port
orientation      text syn, log or guessed
vlan             i8 VLAN id
first_ts         ts first segment or Built
last_ts          ts last segment or Teardown
duration         f8 seconds between them
orig_pkts        i8 segments from orig at the most complete point
resp_pkts        i8 segments from resp
orig_bytes       i8 payload without retransmissions
resp_bytes       i8 payload without retransmissions
orig_ip_bytes    i8 bytes of IP packets
resp_ip_bytes    i8 bytes of IP packets
conn_state       text Zeek's code
history          text Zeek's history
established      bool handshake complete
first_fin        text orig, resp or none
fin_by           text orig, resp, both or none
rst_by           text orig, resp, both, device or none
first_rst        text orig, resp, device or none
ended            text closed, closing, half-closed, reset, refused, unanswered or open
orig_rst_class   text kind of the first RST from orig
resp_rst_class   text kind of the first RST from resp
orig_rst_answers text what the first RST from orig answers
resp_rst_answers text what the first RST from resp answers
orig_close_notify text yes, likely, no or unseen
resp_close_notify text yes, likely, no or unseen
ending           text the final exchange in finis's notation
device           text firewall that logged it
fw_conn_id       i8 the firewall's own number
teardown_reason  text the firewall's words
log_bytes        i8 bytes the firewall counted
orig_mapped_h    text orig as the other side of the firewall sees it
orig_mapped_p    i8 port
resp_mapped_h    text resp as the other side of the firewall sees it
resp_mapped_p    i8 port
cause            text id of the primary cause
cause_name       text its name
contributing     text ids of contributing causes, comma-separated
confidence       text certain, likely or possible
harm             text harmless, depends or harmful
""")

# What rules need beyond the public columns.  `o_` and `r_` are the orig and resp side.  All are
# null where no capture (or no log) shows the connection.
STORY_FACTS = _columns("""
row              i8 row number of the story, stable within a run
has_packets      bool seen in a capture
has_log          bool seen in a log (Built or Teardown)
n_points         i8 points it was seen at
midstream        bool first segment seen was no SYN
cut_start        bool the capture began after it did, or within 1 s of its first segment
near_start       bool the capture's first packet is within 1 s of its first segment
cut_end          bool the capture ended within 1 s of its last segment
watched_s        f8 seconds from its last segment to the end of the capture
o_syns           i8 SYNs from orig
r_syns           i8 SYN ACKs (or SYNs) from resp
simultaneous_open bool both sent a SYN without ACK
simultaneous_close bool both FINs were sent before either sender could have seen the other's
o_fin            bool orig sent a FIN
r_fin            bool resp sent a FIN
o_fin_acked      bool orig's FIN was acknowledged
r_fin_acked      bool resp's FIN was acknowledged
o_fin_missed     bool orig's FIN was not captured nearest to it, but its number was acknowledged
r_fin_missed     bool the same of resp's
o_fins           i8 FINs from orig, retransmissions included
r_fins           i8 FINs from resp
o_fin_s          f8 seconds from first segment to orig's FIN
r_fin_s          f8 seconds from first segment to resp's FIN
fin_gap_s        f8 seconds between the two first FINs
o_rsts           i8 RSTs from orig
r_rsts           i8 RSTs from resp
o_rst_s          f8 seconds from first segment to orig's first RST
r_rst_s          f8 seconds from first segment to resp's first RST
o_data_after_rst_s f8 seconds from orig's first RST to its last new data (negative: before it)
r_data_after_rst_s f8 seconds from resp's first RST to its last new data (negative: before it)
o_rst_accept     text exact, in-window, outside, unknown or none
r_rst_accept     text exact, in-window, outside, unknown or none
o_rst_lag_s      f8 seconds from the segment answered to orig's first RST
r_rst_lag_s      f8 seconds from the segment answered to resp's first RST
o_rst_after_own_fin_s f8 seconds from orig's FIN to its first RST; null without either
r_rst_after_own_fin_s f8 seconds from resp's FIN to its first RST; null without either
o_rst_bare       bool orig's first RST has no ACK bit
r_rst_bare       bool resp's first RST has no ACK bit
o_rst_at_fin_seq bool orig's RST carries the SEQ of its own FIN (macOS form)
r_rst_at_fin_seq bool resp's RST carries the SEQ of its own FIN
reset_by         text side whose RST ended it: orig, resp or none
o_data_after_fin i8 bytes orig sent first after resp's FIN
r_data_after_fin i8 bytes resp sent first after orig's FIN
o_past_fin       i8 bytes from orig that resp's FIN does not acknowledge
r_past_fin       i8 bytes from resp that orig's FIN does not acknowledge
o_unacked        i8 bytes from orig never acknowledged
r_unacked        i8 bytes from resp never acknowledged
o_rst_acked      i8 bytes from orig that only resp's RST acknowledged
r_rst_acked      i8 bytes from resp that only orig's RST acknowledged
o_rexmit         i8 retransmitted segments from orig
r_rexmit         i8 retransmitted segments from resp
o_keep_alives    i8 keep-alive probes from orig
r_keep_alives    i8 keep-alive probes from resp
o_challenge      i8 challenge ACKs from orig
r_challenge      i8 challenge ACKs from resp
o_out_of_window  i8 segments from orig outside the window
r_out_of_window  i8 segments from resp outside the window
o_zero_windows   i8 zero windows announced by orig
r_zero_windows   i8 zero windows announced by resp
o_last_win0      bool the last window orig announced was 0
r_last_win0      bool the last window resp announced was 0
o_alert          text gravest alert from orig: none, likely, record, close-notify, warning, fatal
r_alert          text gravest alert from resp
o_alert_desc     i8 description of that alert where readable
r_alert_desc     i8 description
o_proto          text first bytes from orig: tls, http, ssh, other or none
r_proto          text first bytes from resp: tls, http, ssh, other or none
o_after_hello    i8 bytes from orig after its ClientHello, where a ServerHello answered that
o_record_cut     i8 bytes that the TLS record orig sent last lacks at its FIN, by its header
r_record_cut     i8 bytes that the TLS record resp sent last lacks at its FIN
o_alert_again    bool orig's last data is an alert by size alone, a size that other data has
r_alert_again    bool the same of resp's
o_alert_alone    bool an alert that cannot be read is all that answers resp's last data, within 1 s
r_alert_alone    bool the same of orig's last data
o_fin_after_data_s f8 seconds from resp's last new data to orig's FIN; negative: data came later
r_fin_after_data_s f8 seconds from orig's last new data to resp's FIN; negative: data came later
o_rst_after_data_s f8 seconds from resp's last new data to orig's first RST; negative: later
r_rst_after_data_s f8 seconds from orig's last new data to resp's first RST; negative: later
o_last_seg_s     f8 seconds from orig's last segment to the last of either side
r_last_seg_s     f8 seconds from resp's last segment to the last of either side
o_last_data_s    f8 seconds from orig's last new data to the end
o_data_s         f8 seconds from the first segment to orig's last new data
r_last_data_s    f8 seconds from resp's last new data to the end
r_data_s         f8 seconds from the first segment to resp's last new data
o_ttl_min        i8 lowest TTL from orig, RSTs excluded
o_ttl_max        i8 highest
o_rst_ttl        i8 TTL of orig's first RST
r_ttl_min        i8 lowest TTL from resp, RSTs excluded
r_ttl_max        i8 highest
r_rst_ttl        i8 TTL of resp's first RST
idle_s           f8 longest silence in seconds
closing_gap_s    f8 silence before the first FIN or RST
rtt_s            f8 handshake round trip as seen at the point (SYN to the ACK of the SYN ACK)
reuse_gap_s      f8 silence since an earlier connection of the same tuple
reuse_unanswered bool that earlier connection had never been answered
icmp_errors      i8 ICMP errors that rejected a segment of it (unreachable, time exceeded)
icmp_type        i8 ICMP type of the first of them (ICMPv6 where icmp_by is IPv6)
icmp_code        i8 its code
icmp_by          text who reported it
icmp_to          text whose segment it quotes: orig or resp
icmp_s           f8 seconds from first segment to it
icmp_file        text capture file that shows it
icmp_frame       i8 frame
mtu_errors       i8 ICMP errors that said a segment was too big for the next hop
mtu_bytes        i8 MTU told by the first of them; 0: not told
mtu_by           text who reported it
mtu_to           text whose segment it quotes: orig or resp
mtu_s            f8 seconds from first segment to it
mtu_file         text capture file that shows it
mtu_frame        i8 frame
o_rst_form       text how several RSTs of orig look together: R=R, R≠R, R,R0, R.,R. or R,R.
r_rst_form       text the same of resp; R. has the ACK bit, R0 the ACK number 0
o_rst_seqs       i8 different SEQs among orig's RSTs, as far as they were kept
r_rst_seqs       i8 among resp's
o_rst_ahead      bool orig's RSTs differ in SEQ and one lies beyond all orig sent
r_rst_ahead      bool resp's do
o_rst_acks_ahead bool orig's RSTs differ in ACK and one lies beyond all resp sent
r_rst_acks_ahead bool resp's do
absent_at        text the point across the firewall that should show the SYN and shows none
absent_alike     i8 connections of the same hosts that both points show
absent_ports     i8 their server ports; at least 2 where the SYN's own is among them
o_stuck_bytes    i8 payload of orig's first unacknowledged segment, repeated in vain
r_stuck_bytes    i8 payload of resp's
o_stuck_ip_bytes i8 its IP length
r_stuck_ip_bytes i8 its IP length
o_stuck_df       bool it must not be fragmented (IPv4 DF, or IPv6)
r_stuck_df       bool it must not be fragmented
o_stuck_alive    bool resp went on sending while it was repeated
r_stuck_alive    bool orig went on sending while it was repeated
o_stuck_after    i8 bytes of orig acknowledged before it
r_stuck_after    i8 bytes of resp acknowledged before it
o_dropped        i8 segments of orig that entered the firewall and never left
r_dropped        i8 segments of resp that entered the firewall and never left
o_dropped_rst    bool a RST of orig was dropped by the firewall
r_dropped_rst    bool a RST of resp was dropped by the firewall
o_dropped_fin    bool a FIN of orig was dropped by the firewall
r_dropped_fin    bool a FIN of resp was dropped by the firewall
o_dropped_data   bool data of orig was dropped by the firewall
r_dropped_data   bool data of resp was dropped by the firewall
o_dropped_syns   i8 SYNs among the dropped segments of orig
r_dropped_syns   i8 SYNs among the dropped segments of resp
o_denied         bool the firewall's log or drop capture names a segment of orig that it refused
r_denied         bool the firewall's log or drop capture names a segment of resp that it refused
o_denied_rst     bool a RST among these
r_denied_rst     bool a RST among these
created_rst      text a RST left the firewall that never entered it: to-orig, to-resp, both or none
paired           bool seen at two or more points whose segments were paired
gap              bool bytes were acknowledged that the most complete point never captured
o_gap            bool bytes of orig were acknowledged that the point nearest to it never captured
r_gap            bool bytes of resp were acknowledged that the point nearest to it never captured
flags_only       bool a capture that shows it was taken with a filter for SYN, FIN and RST
capture_loss     bool a capture that shows it is known to have missed segments: absence proves less
built_ts         ts the firewall's Built
teardown_ts      ts the firewall's Teardown
log_duration_s   f8 duration the firewall states
orig_if          text firewall interface on orig's side, as the log names it
resp_if          text firewall interface on resp's side
teardown         text terms.Teardown in words
teardown_by      text orig, resp, device or unknown
certainty        text of that reason: stated, or implied where it follows from the last state
removed_ts       ts when the firewall removed its entry; later than the Teardown if it keeps them
product          text the firewall's make, as remedies name it; null if unknown
denials_after    i8 denials of its tuple after the teardown
data_denied      i8 of those: segments with PSH and no SYN, FIN or RST
acks_denied      i8 of those: segments with ACK alone
first_denial_lag_s f8 lag of the first of them
""")

SEGMENTS = _columns("""
ts          ts time of capture
point       text where
file        text capture file
frame       i8 frame number in it
src_h       text source address
src_p       i8 port
dst_h       text destination address
dst_p       i8 port
flags       text control bits: S F R P A U E C
seq         i8 [SEG.SEQ] sequence number
ack         i8 [SEG.ACK] acknowledgement number
win         i8 [SEG.WND] window as sent
payload_len i8 payload bytes
ttl         i8 TTL or hop limit
ip_id       i8 IPv4 identification
vlan        i8 VLAN id
tsval       i8 [TSval] timestamps option
tsecr       i8 [TSecr] timestamps option
mss         i8 MSS option
wscale      i8 window scale shift
sack        text first SACK block, left:right
tls         text none, likely, record, close-notify, warning or fatal: an alert at the payload's end
drop        text reason, in an asp-drop capture
quirks      text oddities of the frame, comma-separated
""")

EVENTS = _columns("""
ts           ts device time in UTC
device       text device-id, header host, relay or file, in that order
file         text log file
line         i8 line number, from 1
msg_id       text message number
severity     i8 0–7 as printed; never keyed on
kind         text what it says, see terms.EventKind
proto        text tcp, udp, icmp …
conn_id      i8 the firewall's own connection number
direction    text inbound or outbound
a_if         text interface of the first endpoint of the line
a_h          text its address or name
a_p          i8 its port
a_mapped_h   text its mapped address
a_mapped_p   i8 its mapped port
b_if         text interface of the second endpoint
b_h          text its address or name
b_p          i8 its port
b_mapped_h   text its mapped address
b_mapped_p   i8 its mapped port
initiator    text a, b or unknown
duration_s   f8 as stated
bytes        i8 as stated
reason       text the firewall's words
reason_by    text interface or side the firewall names
teardown     text terms.Teardown in words; for kind state: what a removal from there would mean
certainty    text stated, or implied where it follows from the state alone; null: stated
teardown_side text who caused it, as far as the line proves: a, b, device or unknown
flags        text TCP flags as printed; of an ICMP message its type and code, ICMP 3/4
user         text user or SGT
acl          text access list
denial_kind  text for kind deny: policy, state, limit, spoof or other
hit_count    i8 as stated; 1 where none
duplicate_of i8 row of the first copy
text_ok      text full, partial (some field unreadable) or none
""")

# One connection as a firewall's log tells it: what tracking hands to correlation.
LOG_CONNECTIONS = _columns("""
row             i8 row number, stable within a run
device          text firewall
fw_conn_id      i8 the firewall's own number
orig_h          text real address of the initiator
orig_p          i8 port
orig_if         text interface
orig_mapped_h   text its mapped address
orig_mapped_p   i8 its mapped port
resp_h          text real address of the other side
resp_p          i8 port
resp_if         text interface
resp_mapped_h   text its mapped address
resp_mapped_p   i8 its mapped port
orientation     text log, or guessed where only a Teardown was seen
user            text user or SGT
built_ts        ts Built, or Teardown minus the duration it states
built_file      text null if the Built was not logged
built_line      i8 line
teardown_ts     ts null if none was logged
teardown_file   text log file
teardown_line   i8 line
duration_s      f8 as stated
bytes           i8 as stated
reason          text the firewall's words
teardown        text terms.Teardown in words
teardown_by     text orig, resp, device or unknown
certainty       text stated, or implied where the reason follows from the last state alone
removed_ts      ts when the entry was removed; later than its end where the firewall keeps it
product         text the firewall's make, as remedies name it; null if unknown
state_bypass    bool the firewall keeps no TCP state for it
denials_after   i8 denials of its tuple after the teardown
first_denial_lag_s f8 lag of the first of them
""")

DENIALS = _columns("""
ts              ts device time in UTC
device          text firewall
file            text log or capture file
line            i8 line (or frame) number
msg_id          text message number, or the drop reason of an asp-drop capture
proto           text tcp, udp, icmp …
interface       text where the packet came in
src_h           text source; of an ICMP error that quotes a packet, of that packet, as all four
src_p           i8 port
dst_h           text destination
dst_p           i8 port
flags           text TCP flags; of an ICMP message its type and code, ICMP 3/4
acl             text access list
count           i8 packets it stands for
conn_id         i8 the firewall's number of the connection before it
teardown_reason text why that one ended, in the firewall's words
lag_s           f8 seconds from that teardown to the denial; below 0: it is stamped after it
seen_before     text yes, no or unknown
duplicate_of    i8 row of the first copy
cause           text id of the primary cause
cause_name      text its name
confidence      text certain, likely or possible
harm            text harmless, depends or harmful
""")

DENIAL_FACTS = _columns("""
row             i8 row number of the denial, stable within a run
unit            text line or frame: what the number in `line` counts
product         text the firewall's make, as remedies name it; null if unknown
kind            text policy (an ACL or rule refused it), state (no connection), limit, spoof, other
reason          text the firewall's words, where its message has some
unknown_why     text why seen_before is unknown
from_side       text orig or resp of the connection before it; null if none
teardown        text terms.Teardown in words, of the connection before it
teardown_by     text orig, resp, device or unknown
teardown_file   text where that Teardown stands
teardown_line   i8 line
built_file      text where its Built stands
built_line      i8 line
conn_duration_s f8 how long that connection lived
conn_bytes      i8 bytes it carried
repeat          i8 denials of the same tuple and flags before this one, since the teardown
repeats         i8 how many there are in all for that tuple since the teardown
syn_after_s     f8 seconds to the next Built of the same tuple; null if none
pending_syn     bool the tuple's connection is logged as Built and not torn down
failover_s      f8 seconds since the last failover of the device; null if none
src_fanout      i8 distinct destination address-port pairs denied from this source
src_refused     i8 connections from this source that never carried data, plus its denials
dst_fanin       i8 distinct sources denied towards this destination port
dst_opened      i8 connections the destination opened itself, as the log shows; null: no log to tell
dst_mapped      bool who opens connections is translated to the destination, which itself opens none
torn_logged     bool the firewall's log holds a Teardown; false: nobody can tell what was open
log_row         i8 row in LOG_CONNECTIONS of the connection before it; null if none
reach_s         f8 where none is known before it: none within this many seconds
permitted_by    text access list that permitted the same packet just before (state refused it)
permitted_file  text where that stands
permitted_line  i8 line
story           i8 row of the story (connection) it belongs to; null if none
segment_payload i8 payload bytes of the refused segment, if a capture shows it
segment_file    text capture file of the packet it denies, where a capture shows it
segment_frame   i8 frame of that packet
segment_rst_class text class of that packet if a RST
segment_answers text what that RST answers
segment_near_start bool the capture lacks the connection's beginning and has less than 1 s before it
segment_fits    bool its SEQ and ACK lay where its receiver had to take it, as the capture shows
conn_cause      text primary cause of the story
""")

FINDINGS = _columns("""
id          text id of the cause
name        text its name
title       text one line
harm        text harmless, depends or harmful
confidence  text lowest confidence among its members
connections i8 connections it is the primary cause of
denials     i8 denials it is the primary cause of
first_ts    ts first
last_ts     ts last
hosts       list top 20 hosts
evidence    list three examples, each with file and line or frame
not_this    list look-alikes and why they were not chosen
remedy      list what to change, with commands
references  list standards and vendor documents
""")

WHATIF = _columns("""
device       text firewall
product      text the firewall's make, as remedies name it; null if unknown
setting      text which setting: linger, timewait, half-closed, idle, idle-reset, dcd …
command      text what sets it; null: the product has no such setting
bound        text estimate, or upper: the product is documented to do at most this
today_s      f8 its value today, as given, seen in the log, or the product's default
value_s      f8 the value tried; null where the setting is a switch
extra_s      f8 how much longer than today an entry is kept
denials      i8 denials of TCP segments without connection, of this device
eligible     i8 of those: after an end it governs, same tuple and interface, not built anew since
absorbed     i8 of those: lag within extra_s, as the stamps say
at_least     i8 the same, whatever the resolution of the stamps hides
at_most      i8 the same, at the other extreme
absorbed_rst i8 of the absorbed: segments with RST
absorbed_fin i8 with FIN and no RST
absorbed_syn i8 with SYN
absorbed_data i8 with PSH alone or ACK alone: data, probes, acknowledgements
connections  i8 connections that ended in a way this setting governs
peak_extra   i8 most entries kept at one time that are not kept today
mean_extra   f8 mean of them over the span of the log
peak_today   i8 most entries at one time today, as far as the log shows
peak_then    i8 most entries at one time then
reused       i8 kept entries whose tuple is built anew while they are kept
ports_reused i8 kept entries whose translated port another host is given while they are kept
""")


@cache
def polars_schema(columns: tuple[Column, ...]) -> dict[str, pl.DataType]:
    """Column name → Polars type of a table (not of a record)."""
    import polars as pl

    types: dict[str, pl.DataType] = {
        "text": pl.String(),
        "bool": pl.Boolean(),
        "i8": pl.Int64(),
        "f8": pl.Float64(),
        "ts": pl.Datetime("ns", "UTC"),
        "list": pl.List(pl.String()),
    }
    return {column.name: types[column.type] for column in columns}
