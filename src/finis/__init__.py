"""finis explains how TCP connections end, who ended them, and why a firewall complains."""

__version__ = "0.1.0"
