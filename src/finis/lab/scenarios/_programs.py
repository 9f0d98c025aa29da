"""Programs that scenarios start in a namespace."""

from __future__ import annotations

import os
import socket
import time

from finis.errors import UsageError
from finis.lab.scenario import Lab

# Connects, asks once, and then only waits.
HOLD = """
import socket, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
time.sleep(30)
"""

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  {settings}
  server {{ listen {address}:80; root {folder}/www; }}
}}
"""


def nginx(lab: Lab, settings: str, size: int = 500) -> None:
    """A web server on port 80 of the server's host with one page; returns once it listens."""
    folder = lab.work / "nginx"
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "index.html").write_bytes(b"w" * size)
    for one in (folder, folder / "www"):
        one.chmod(0o755)
    config = folder / "nginx.conf"
    if os.geteuid() == 0:
        settings = f"{settings}"
    config.write_text(
        "user root;" + NGINX.format(folder=folder, settings=settings, address=lab.network.server_ip)
    )
    lab.network.start(lab.network.server, "nginx", "-c", str(config), "-p", str(folder))
    for _ in range(100):
        with lab.network.server:
            probe = socket.socket()
        with probe:
            if probe.connect_ex((lab.network.server_ip, 80)) == 0:
                return
        time.sleep(0.05)
    raise UsageError("lab: nginx does not listen")
