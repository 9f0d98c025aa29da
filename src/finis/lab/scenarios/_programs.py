"""Programs that scenarios start in a namespace."""

from __future__ import annotations

import re
import time
from pathlib import Path

from finis.errors import UsageError
from finis.lab.scenario import Lab
from finis.lab.spaces import Space

# Connects, asks once, and then only waits.
HOLD = """
import socket, sys, time
sock = socket.create_connection((sys.argv[1], int(sys.argv[2])))
time.sleep(30)
"""

NGINX = """
user root; daemon off; master_process off; pid {folder}/nginx.pid; error_log /dev/null;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  {settings}
  server {{
    listen {address}:80; root {folder}/www;
    location /none {{ return 444; }}
  }}
}}
"""

APACHE = """
ServerRoot {folder}
DefaultRuntimeDir {folder}
ServerName lab
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
User nobody
Group nogroup
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
LoadModule reqtimeout_module /usr/lib/apache2/modules/mod_reqtimeout.so
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
MinSpareThreads 1
MaxSpareThreads 8
DocumentRoot {folder}/www
Listen {address}:80
{settings}
"""

HAPROXY = """
global
  maxconn 200
defaults
  timeout connect 1s
  timeout client 20s
  timeout server 20s
{settings}
"""


def nginx(lab: Lab, settings: str, size: int = 500) -> None:
    """A web server on port 80 of the server's host with one page; returns once it listens."""
    folder = _site(lab, "nginx", size)
    config = _config(lab, folder, NGINX, settings)
    lab.network.start(lab.network.server, "nginx", "-c", str(config), "-p", str(folder))
    listening(lab.network.server, 80)


def apache(lab: Lab, settings: str, size: int = 500) -> None:
    """The same with Apache (one process, event MPM)."""
    folder = _site(lab, "apache", size)
    config = _config(lab, folder, APACHE, settings)
    lab.network.start(lab.network.server, "apache2", "-X", "-f", str(config))
    listening(lab.network.server, 80)


def haproxy(lab: Lab, space: Space, settings: str, *ports: int) -> None:
    """HAProxy with these sections; returns once it listens on `ports`."""
    folder = lab.work / "haproxy"
    folder.mkdir()
    config = _config(lab, folder, HAPROXY, settings)
    lab.network.start(space, "haproxy", "-db", "-f", str(config))
    for port in ports:
        listening(space, port)


def _site(lab: Lab, name: str, size: int) -> Path:
    folder = lab.work / name
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "index.html").write_bytes(b"w" * size)
    return folder


def _config(lab: Lab, folder: Path, text: str, settings: str) -> Path:
    config = folder / "lab.conf"
    address = lab.network.server_ip
    config.write_text(text.format(folder=folder, settings=settings, address=address))
    return config


def listening(space: Space, port: int, patience_s: float = 15) -> None:
    """Wait, without connecting to it, until a port listens."""
    wanted = re.compile(rf":{port:04X} [0-9A-F]+:0000 0A ")
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        with space:
            sockets = Path("/proc/thread-self/net/tcp").read_text()
        if wanted.search(sockets):
            return
        time.sleep(0.02)
    raise UsageError(f"lab: nothing listens on port {port}")
