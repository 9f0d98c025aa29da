"""The lab: real endings with known causes, made on demand in network namespaces.

A client, a firewall and a server, each in a namespace of its own; real kernels and real programs
at both ends, a firewall with state in the middle, a capture on both of its sides, its log, and a
file that says what was done and which verdicts are true.  Linux and root only.
"""
