"""Every message of the ASA dialect: id, text after the tag, and what must be read of it."""

from __future__ import annotations

from typing import Any

A, B = "198.51.100.7", "10.1.1.5"
AB = {"a_h": A, "a_p": 50123, "b_h": B, "b_p": 443}
IFS = {"a_if": "outside", "b_if": "dmz"}
PAIR = f"outside:{A}/50123 to dmz:{B}/443"
SRC = f"src outside:{A}/50123 dst dmz:{B}/443"
MAPPED = f"outside:{A}/50123 ({A}/50123) to dmz:{B}/443 (192.0.2.5/8443)"
DENY = {"kind": "deny"}

MESSAGES: list[tuple[str, str, dict[str, Any]]] = [
    ("302013", f"Built inbound TCP connection 77 for {MAPPED}", {
        **AB, **IFS, "kind": "built", "conn_id": 77, "direction": "inbound", "initiator": "a",
        "b_mapped_h": "192.0.2.5", "b_mapped_p": 8443, "a_mapped_h": A, "proto": "tcp"}),
    ("302013", f"Built outbound TCP connection 77 for {MAPPED} (eve)", {
        **AB, "direction": "outbound", "initiator": "b", "user": "eve"}),
    ("302013", f"Built inbound Probe TCP connection 77 for {MAPPED}", {**AB, "kind": "built"}),
    ("302014", f"Teardown TCP connection 77 for {PAIR} duration 0:02:05 bytes 4242 TCP FINs from "
     "dmz", {
        **AB, **IFS, "kind": "teardown", "duration_s": 125.0, "bytes": 4242, "reason": "TCP FINs",
        "reason_by": "dmz", "teardown": "fins", "teardown_side": "b", "initiator": "unknown"}),
    ("302014", f"Teardown Probe TCP connection 77 for {PAIR} duration 92:24:20 bytes 0 SYN "
     "Timeout", {
        "duration_s": 332660.0, "teardown": "syn-timeout", "teardown_side": "device"}),
    ("302013", f"Built inbound TCP connection 77 for {MAPPED} Internal-Data0/1:RX[3] (eve)", {
        **AB, "user": "eve"}),
    ("302014", f"Teardown TCP connection 77 for {PAIR} duration 0:00:05 bytes 7 TCP Reset-O from "
     "outside Internal-Data0/1:RX[3] max-rate 5/2000 (eve)", {
         **AB, "reason": "TCP Reset-O", "teardown_side": "a", "user": "eve"}),
    ("302014", f"Teardown TCP connection 146454459412553183 for outside:{A} /50123 to dmz:{B} /443 "
     "duration 0:00:00 bytes 1076 TCP Reset-I", {**AB, "conn_id": 146454459412553183}),
    ("302001", f"Built inbound TCP connection 7 for faddr {A}/50123 gaddr 192.0.2.5/8443 laddr "
     f"{B}/443 (eve)", {**AB, "kind": "built", "initiator": "a", "b_mapped_p": 8443,
                        "user": "eve"}),
    ("302002", f"Teardown TCP connection 7 faddr {A}/50123 gaddr 192.0.2.5/8443 laddr {B}/443 "
     "duration 0:00:07 bytes 99 (TCP Reset-O)", {**AB, "kind": "teardown", "reason_by": "O",
                                                 "reason": "TCP Reset-O"}),
    ("302303", f"Built TCP state-bypass connection 9 from {MAPPED}", {
        **AB, "kind": "built", "flags": "state-bypass", "initiator": "a", "conn_id": 9}),
    ("302304", f"Teardown TCP state-bypass connection 9 from {PAIR} duration 1:00:02 bytes 245 "
     "Connection timeout", {**AB, "kind": "teardown", "flags": "state-bypass",
                            "teardown": "bypass-idle", "bytes": 245}),
    ("106001", f"Inbound TCP connection denied from {A}/50123 to {B}/443 flags SYN  on interface "
     "outside", {**DENY, **AB, "a_if": "outside", "flags": "SYN", "initiator": "a",
                 "denial_kind": "policy"}),
    ("106015", f"Deny TCP (no connection) from {A}/50123 to {B}/443 flags FIN PSH ACK  on "
     "interface NP Identity Ifc", {**DENY, **AB, "flags": "FIN PSH ACK", "proto": "tcp",
                                   "a_if": "NP Identity Ifc", "denial_kind": "state"}),
    ("106015", f"Deny TCP (no connection) from {A}/50123 to {B}/443 flags  on interface outside",
     {**DENY, **AB, "flags": None, "a_if": "outside"}),
    ("106006", f"Deny inbound UDP from {A}/50123 to {B}/443 on interface outside", {
        **DENY, **AB, "proto": "udp", "a_if": "outside"}),
    ("106007", f"Deny inbound UDP from {A}/50123 to {B}/443 due to DNS Query", {
        **DENY, **AB, "reason": "DNS Query"}),
    ("106010", f"Deny inbound tcp {SRC}", {**DENY, **AB, **IFS, "proto": "tcp"}),
    ("106010", f"Deny inbound protocol 47 src outside:{A} dst dmz:{B}", {
        **DENY, "a_h": A, "a_p": None, "b_h": B, "proto": "gre"}),
    ("106010", f"Deny inbound icmp src outside:{A} dst dmz:{B} (type 8, code 0)", {
        **DENY, "a_h": A, "b_h": B, "proto": "icmp"}),
    ("106011", f"Deny inbound (No xlate) tcp {SRC}", {**DENY, **AB, **IFS}),
    ("106012", f'Deny IP from {A} to {B}, IP options: "Router Alert"', {
        **DENY, "a_h": A, "b_h": B, "reason": 'IP options: "Router Alert"'}),
    ("106013", f"Dropping echo request from {A} to PAT address {B}", {**DENY, "a_h": A}),
    ("106014", f"Deny inbound icmp src outside:{A} dst dmz:{B}(type 3, code 2)", {
        **DENY, **IFS, "a_h": A, "b_h": B, "user": None}),
    ("106016", f"Deny IP spoof from ({A}) to {B} on interface outside", {
        **DENY, "a_h": A, "b_h": B, "a_if": "outside", "denial_kind": "spoof"}),
    ("106017", f"Deny IP due to Land Attack from {A} to {A}", {**DENY, "a_h": A, "b_h": A}),
    ("106020", f"Deny IP teardrop fragment (size = 1480, offset = 0) from {A} to {B}", {
        **DENY, "a_h": A, "b_h": B, "reason": "size = 1480, offset = 0"}),
    ("106021", f"Deny TCP reverse path check from {A} to {B} on interface dmz", {
        **DENY, "a_h": A, "b_h": B, "a_if": "dmz", "proto": "tcp", "denial_kind": "spoof"}),
    ("106022", f"Deny tcp connection spoof from {A} to {B} on interface dmz.", {
        **DENY, "a_h": A, "b_h": B, "a_if": "dmz"}),
    ("106023", f'Deny tcp {SRC} by access-group "acl_out" [0x71761f18, 0x0]', {
        **DENY, **AB, **IFS, "acl": "acl_out", "proto": "tcp"}),
    ("106023", f'Deny icmp src outside:{A} dst dmz:{B} (type 3, code 0) by access-group "x"', {
        **DENY, "a_h": A, "b_h": B, "proto": "icmp", "acl": "x"}),
    ("106023", f'Deny tcp {SRC} type 3, code 0, by access-group "x" [0x0, 0x0]', {
        **AB, "acl": "x"}),
    ("106023", f'Deny tcp src outside:{A}/50123(9:Tag) dst dmz:{B}/443(host.example.org) by '
     'access-group "x"', {**AB, "user": "host.example.org"}),
    ("106027", 'Deny 0x8847 src aaaa.bbbb.cccc dst dddd.eeee.ffff by access-group "l2"', {
        **DENY, "acl": "l2"}),
    ("106100", f"access-list a_in permitted tcp outside/{A}(50123) -> dmz/{B}(443) hit-cnt 7 "
     "300-second interval [0x1, 0x0]", {**AB, **IFS, "kind": "permit", "hit_count": 7,
                                        "acl": "a_in"}),
    ("106100", f"access-list a_in est-allowed tcp outside/{A}(50123) -> dmz/{B}(443) hit-cnt 1 "
     "first hit [0x1, 0x0]", {**AB, "kind": "permit", "reason": "est-allowed"}),
    ("106100", f"access-list a_in denied udp outside/{A}(50123)(LOCAL\\u) -> dmz/{B}(443) "
     "hit-cnt 1 first hit [0x1, 0x0]", {**DENY, **AB, "user": "LOCAL\\u", "proto": "udp"}),
    ("106102", f"access-list v permitted tcp for user eve outside/{A}(50123) -> dmz/{B}(443) "
     "hit-cnt 1 first hit [0x1, 0x0]", {**AB, "kind": "permit", "user": "eve"}),
    ("106103", f"access-list v denied tcp for user 'eve' outside/{A}(50123) -> dmz/{B}(443) "
     "hit-cnt 1 first hit [0x1, 0x0]", {**DENY, **AB, "user": "eve"}),
    ("108003", f"Terminating ESMTP connection; malicious pattern detected in the mail address "
     f"from {PAIR}. Data:x", {**AB, **IFS, "kind": "context"}),
    ("108004", f"ESMTP Classification: Dropped connection for ESMTP Request from {PAIR}; matched "
     "Class 4", {**DENY, **AB, **IFS}),
    ("108004", f"ESMTP Inspection: Reset connection for ESMTP Request from {PAIR}; x", {
        **AB, "kind": "reset"}),
    ("110002", f"Failed to locate egress interface for TCP from outside:{A}/50123 to {B}/443", {
        **DENY, **AB, "a_if": "outside", "b_if": None}),
    ("110003", f"Routing failed to locate next-hop for protocol tcp from {PAIR}", {
        **DENY, **AB, **IFS, "proto": "tcp"}),
    ("201010", f"Embryonic connection limit exceeded 10/10 for input packet from {A}/50123 to "
     f"{B}/443 on interface outside", {**DENY, **AB, "denial_kind": "limit"}),
    ("201011", f"Connection limit exceeded 9/9 for input packet from {A}/50123 to {B}/443 on "
     "interface outside", {**DENY, **AB, "a_if": "outside"}),
    ("201012", f"Per-client embryonic connection limit exceeded 9/9 for input packet from {A}/ "
     f"50123 to {B}/443 on interface outside", {**DENY, **AB}),
    ("201013", f"Per-client connection limit exceeded 9/9 for input packet from {A}/50123 to "
     f"{B}/443 on interface outside", {**DENY, **AB}),
    ("201009", f"TCP connection limit of 100 for host {B} on dmz exceeded", {
        "kind": "limit", "a_h": B, "a_if": "dmz"}),
    ("201002", "Too many TCP connections on static 192.0.2.5! 5 5", {"kind": "limit"}),
    ("202001", "Out of address translation slots!", {"kind": "limit"}),
    ("202010", f"PAT pool exhausted. Unable to create TCP connection from {PAIR}", {
        **DENY, **AB, **IFS, "reason": "PAT pool exhausted", "denial_kind": "limit"}),
    ("305016", f"Unable to create TCP connection from {PAIR} due to reaching per-host PAT port "
     "block limit of 4", {**DENY, **AB, "denial_kind": "limit"}),
    ("305023", f"Unable to create TCP connection from {PAIR} due to IP port block exhaustion in "
     "PAT pool p IP 192.0.2.9.", {**DENY, **AB}),
    ("209003", f"Fragment database limit of 200 exceeded: src = {A}, dest = {B}, proto = tcp, "
     "id = 5", {**DENY, "a_h": A, "b_h": B, "proto": "tcp"}),
    ("209004", f"Invalid IP fragment, size = 70000 exceeds maximum size = 65535 : src = {A} , "
     f"dest = {B} , proto = TCP , id = 5", {**DENY, "a_h": A, "b_h": B, "proto": "tcp"}),
    ("209005", f"Discard IP fragment set with more than 24 elements:  src = {A}, dest = {B}, "
     "proto = UDP, id = 5", {**DENY, "a_h": A}),
    ("305005", f"No translation group found for tcp {SRC}", {**DENY, **AB, **IFS}),
    ("305005", f"No translation group found for icmp src outside:{A} dst dmz:{B} (type 8, code 0)",
     {**DENY, "a_h": A, "b_h": B}),
    ("305006", f"portmap translation creation failed for tcp {SRC}", {
        **DENY, **AB, "reason": "portmap translation creation failed"}),
    ("305011", f"Built dynamic TCP translation from dmz:{B}/443 to outside(nat_acl):192.0.2.5/1024",
     {"kind": "xlate-built", "a_h": B, "a_p": 443, "a_mapped_h": "192.0.2.5", "a_mapped_p": 1024,
      "b_if": "outside"}),
    ("305012", f"Teardown static TCP translation from dmz:{B}/443(LOCAL\\u) to outside:192.0.2.5/"
     "1024 duration 0:00:30", {"kind": "xlate-teardown", "duration_s": 30.0, "a_mapped_p": 1024}),
    ("305013", f"Asymmetric NAT rules matched for forward and reverse flows; Connection for tcp "
     f"{SRC} denied due to NAT reverse path failure", {**DENY, **AB, **IFS}),
    ("313001", f"Denied ICMP type=8, code=0 from {A} on interface outside", {
        **DENY, "a_h": A, "a_if": "outside", "proto": "icmp"}),
    ("313004", f"Denied ICMP type=0, from laddr {A} on interface outside to {B}: no matching "
     "session", {**DENY, "a_h": A, "b_h": B, "denial_kind": "state"}),
    ("313005", f"No matching connection for ICMP error message: icmp src dmz:10.9.9.9 dst outside:"
     f"{A} (type 3, code 3) on dmz interface.  Original IP payload: tcp src {A}/50123 dst {B}/443.",
     {**AB, "kind": "icmp", "proto": "tcp", "reason": "ICMP type 3, code 3 from 10.9.9.9",
      "reason_by": "dmz"}),
    ("313005", f"No matching connection for ICMP error message: icmp src dmz:{B}(LOCAL\\u) dst "
     f"outside:{A} (type 3, code 3) on dmz interface. Original IP payload: <unknown>.",
     {"kind": "icmp", "proto": "icmp", "a_h": B, "b_h": A, "a_p": None}),
    ("338002", f"Dynamic Filter permitted black listed TCP traffic from {MAPPED}, destination x", {
        **AB, **IFS, "kind": "threat"}),
    ("338008", f"Dynamic filter dropped blacklisted TCP traffic from {MAPPED}, destination x", {
        **DENY, **AB, "denial_kind": "policy"}),
    ("401004", f"Shunned packet: {A} ==> {B} on interface outside", {**DENY, "a_h": A, "b_h": B}),
    ("407001", f"Deny traffic for local-host dmz:{B}, license limit of 10 exceeded", {
        **DENY, "a_h": B, "a_if": "dmz", "denial_kind": "limit"}),
    ("407002", f"Embryonic limit 9/5 for through connections exceeded.{A}/50123 to 192.0.2.5 "
     f"({B})/443 on interface outside", {**AB, "kind": "limit", "b_mapped_h": "192.0.2.5"}),
    ("418001", "Through-the-device packet to/from management-only network is denied: tcp " + SRC, {
        **DENY, **AB}),
    ("419001", f"Dropping TCP packet from {PAIR}, reason: MSS exceeded, MSS 1380, data 1460", {
        **DENY, **AB, "reason": "MSS exceeded, MSS 1380, data 1460"}),
    ("419002", f"Duplicate TCP SYN from {PAIR} with different initial sequence number", {
        **AB, **IFS, "kind": "context"}),
    ("419003", f"Cleared TCP urgent flag from {PAIR}", {**AB, "kind": "context"}),
    ("419004", f"TCP connection 77 from {MAPPED} is probed by DCD", {**AB, "conn_id": 77}),
    ("419005", f"TCP connection 77 from {PAIR} duration 1:00:00 data 99, is kept open by DCD as "
     "valid connection", {**AB, "bytes": 99, "duration_s": 3600.0}),
    ("419006", f"Teardown TCP connection 77 from {MAPPED} duration 1:00:00 data 99, DCD probe was "
     "not responded from client interface outside", {**AB, "kind": "context", "bytes": 99}),
    ("420001", f"IPS card not up and fail-close mode used, dropping TCP packet from {PAIR}", {
        **DENY, **AB}),
    ("420002", f"IPS requested to drop TCP packet from {PAIR}", {**DENY, **AB}),
    ("420003", f"IPS requested to reset TCP connection from {PAIR}", {**AB, "kind": "reset"}),
    ("434002", f"SFR requested to drop TCP packet from {PAIR}", {**DENY, **AB}),
    ("434004", f"SFR requested ASA to bypass further packet redirection and process TCP flow from "
     f"{PAIR} locally", {**AB, "kind": "context"}),
    ("500003", f"Bad TCP hdr length (hdrlen=4, pktlen=74) from {A}/50123 to {B}/443, flags: "
     "INVALID, on interface outside", {**DENY, **AB, "flags": "INVALID"}),
    ("500004", f"Invalid transport field for protocol=TCP, from {A}/50123 to {B}/0", {
        **DENY, "a_h": A, "b_p": 0, "proto": "tcp"}),
    ("507001", f"Terminating TCP-Proxy connection from {PAIR} - reassembly limit of 8192 bytes "
     "exceeded", {**AB, "kind": "context"}),
    ("507003", f"tcp flow from {PAIR} terminated by inspection engine, reason - inspector "
     "disconnected, dropped packet.", {**DENY, **AB}),
    ("507003", f"tcp flow from {PAIR} terminated by inspection engine, reason - inspector drop "
     "reset.", {**AB, "kind": "reset", "reason": "inspector drop reset"}),
    ("609001", f"Built local-host outside:{A}", {"kind": "context", "a_h": A, "a_if": "outside"}),
    ("609002", f"Teardown local-host outside:{A} duration 0:00:16", {"duration_s": 16.0}),
    ("710003", f"TCP access denied by ACL from {A}/50123 to dmz:{B}/https", {**DENY, **AB}),
    ("710004", f"TCP connection limit exceeded from {A}/50123 to dmz:{B}/443 (current connections/"
     "connection limit = 6/5)", {**DENY, **AB, "denial_kind": "limit"}),
    ("710005", f"TCP request discarded from {A}/50123 to dmz:{B}/443", {
        **DENY, **AB, "denial_kind": "state"}),
    ("104001", "(Primary) Switching to ACTIVE - HELLO not heard from mate.", {"kind": "failover"}),
    ("104002", "(Primary) Switching to STANDBY (cause: Other unit wants me Standby).", {
        "kind": "failover"}),
    ("210022", "LU missed 1 updates", {"kind": "failover"}),
    ("111008", "User 'eve' executed the 'clear conn address 10.1.1.5' command.", {
        "kind": "admin", "user": "eve", "reason": "clear conn address 10.1.1.5"}),
    ("111009", "User 'eve' executed cmd: show conn", {"kind": "admin", "reason": "show conn"}),
    ("111010", "User 'eve', running 'CLI' from IP 10.0.0.9, executed 'clear xlate'", {
        "kind": "admin", "user": "eve", "reason": "clear xlate"}),
    ("733100", "[ Scanning] drop rate-1 exceeded. Current burst rate is 0 per second", {
        "kind": "threat"}),
    ("733104", "TD_SYSLOG_TCP_INTERCEPT_AVERAGE_RATE_EXCEED", {"kind": "threat"}),
    ("400032", f"IPS:4051 UDP Snork attack from {A} to {B} on interface dmz", {
        "kind": "threat", "a_h": A, "b_h": B, "a_if": "dmz"}),
    ("401002", f"Shun added: {A} 0.0.0.0 0 0", {"kind": "threat"}),
    ("322001", "Deny MAC address aaaa.bbbb.cccc, possible spoof attempt on interface dmz", {
        "kind": "threat"}),
]  # fmt: skip
