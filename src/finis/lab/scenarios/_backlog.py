"""Overflows the queue of connections that a program has not accepted yet."""

from __future__ import annotations

import contextlib
import socket
import time

from finis.lab.scenario import Lab, ask, fate

PORT = 8080
LOSER = 40006  # the client's port of the connection that finds no room


def overflow(lab: Lab, abort: int) -> None:
    """Five connections fill the queue (it holds one more than its backlog); a sixth is between
    its SYN and its ACK when the last room is taken.

    `abort` is ``tcp_abort_on_overflow``.  The path takes 20 ms.
    """
    lab.path.delay_s = 0.02
    lab.network.server.sysctl("net.ipv4.tcp_abort_on_overflow", abort)
    with lab.listen(PORT, backlog=4) as listener:
        clients = [lab.client(source) for source in range(LOSER - 5, LOSER + 1)]
        for sock in clients[:4]:
            sock.connect((lab.address, PORT))
        for sock in clients[4:]:
            sock.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                sock.connect((lab.address, PORT))
        time.sleep(0.1)
        loser = clients.pop()
        loser.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1500)
        with contextlib.suppress(OSError):
            loser.sendall(b"GET / HTTP/1.1\r\n\r\n")
        lab.told["sixth"] = fate(loser, 3)
        loser.close()
        for sock in clients:
            sock.settimeout(3)
            server, _ = listener.accept()
            ask(sock, server)
            sock.close()
            fate(server)
            server.close()
        time.sleep(0.2)
