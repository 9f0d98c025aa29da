"""Port names that captures print instead of numbers.

Two tables, because the ASA has names of its own (`www`, `sqlnet`, `h323`) and because tcpdump
without ``-n`` prints what stands in the machine's /etc/services.  Only TCP, only names that are
commonly printed: an unknown name is a counted problem, never a guess.
"""

from __future__ import annotations


def _ports(text: str) -> dict[str, int]:
    names: dict[str, int] = {}
    for entry in text.split():
        port, _, rest = entry.partition("=")
        for name in rest.split(","):
            names[name] = int(port)
    return names


# ASA command reference, "TCP and UDP ports" (names accepted and printed for TCP).
ASA_PORTS = _ports("""
    7=echo 9=discard 13=daytime 19=chargen 20=ftp-data 21=ftp 22=ssh 23=telnet 25=smtp 37=time
    43=whois,nicname 49=tacacs 53=domain 70=gopher 79=finger 80=www,http 101=hostname 109=pop2
    110=pop3 111=sunrpc,rpc 113=ident 119=nntp 123=ntp 139=netbios-ssn 143=imap4 179=bgp 194=irc
    389=ldap 443=https 445=cifs 496=pim-auto-rp 512=exec 513=login 514=cmd,rsh,syslog 515=lpd
    517=talk 540=uucp 543=klogin 544=kshell 554=rtsp 636=ldaps 750=kerberos 1352=lotusnotes
    1494=citrix-ica 1521=sqlnet 1720=h323 1723=pptp 2049=nfs 2748=ctiqbe 3020=cifs-alt
    5060=sip 5190=aol 5631=pcanywhere-data
""")

# What /etc/services calls the ports most often seen (IANA names and the usual aliases).
SERVICES = _ports("""
    1=tcpmux 7=echo 9=discard 11=systat 13=daytime 15=netstat 17=qotd 19=chargen 20=ftp-data 21=ftp
    22=ssh 23=telnet 25=smtp 37=time 42=nameserver 43=whois,nicname 49=tacacs 53=domain 70=gopher
    79=finger 80=http,www,www-http 88=kerberos,kerberos-sec 102=iso-tsap 109=pop2 110=pop3
    111=sunrpc 113=auth,ident 119=nntp 123=ntp 135=epmap,msrpc 137=netbios-ns 138=netbios-dgm
    139=netbios-ssn 143=imap2,imap 161=snmp 162=snmp-trap,snmptrap 179=bgp 194=irc 389=ldap
    427=svrloc 443=https 444=snpp 445=microsoft-ds 464=kpasswd 465=submissions,ssmtp,smtps,urd
    512=exec 513=login 514=shell,syslog 515=printer 540=uucp 543=klogin 544=kshell 548=afpovertcp
    554=rtsp 563=nntps 587=submission 631=ipp 636=ldaps 646=ldp 655=tinc 749=kerberos-adm
    853=domain-s 873=rsync 989=ftps-data 990=ftps 992=telnets 993=imaps 995=pop3s 1080=socks
    1194=openvpn 1352=lotusnote 1433=ms-sql-s 1434=ms-sql-m 1521=ncube-lm 1720=h323hostcall
    1723=pptp 1812=radius 1883=mqtt 2049=nfs 2181=eforward 3128=squid-http,ndl-aas
    3260=iscsi-target 3268=msft-gc 3269=msft-gc-ssl 3306=mysql 3389=ms-wbt-server 3690=svn
    4369=epmd 5060=sip 5061=sip-tls 5222=xmpp-client 5269=xmpp-server 5432=postgresql 5671=amqps
    5672=amqp 5900=rfb 5985=wsman 5986=wsmans 6000=x11 6379=redis 6443=sun-sr-https
    6514=syslog-tls 6667=ircd,ircu 8000=irdmi 8080=http-alt,webcache 8443=https-alt,pcsync-https
    8883=secure-mqtt 9090=websm 9092=XmlIpcRegSvc 9100=jetdirect,hp-pdl-datastr 9418=git
    10050=zabbix-agent 10051=zabbix-trapper 11211=memcache 27017=mongodb
""")


def asa_port(text: str) -> int | None:
    """The port an ASA prints as `text`: 0 … 65535, or None for a name it is not known to use."""
    return _number(text, ASA_PORTS)


def port(text: str) -> int | None:
    """The port tcpdump prints as `text`, in any spelling of the tables above."""
    return _number(text, SERVICES)


def _number(text: str, names: dict[str, int]) -> int | None:
    if text.isascii() and text.isdigit() and len(text) <= 5:
        value = int(text)
        return value if value <= 0xFFFF else None
    return names.get(text)
