"""nginx and Apache with TLS, one port for each of them and each version.

Pages: ``/`` (500 bytes), ``/big`` (300 kB) and ``/slow`` (50 kB), both in half a second, ``/close``
(as ``/``, with Connection: close), ``/deny`` (refuses any body: 413), ``/all.html``,
``/close.html``, ``/big.html`` (images from each port).
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

from finis.errors import UsageError
from finis.lab.kinds import INSIDE
from finis.lab.scenario import Lab
from finis.lab.scenarios._tls import certificate

# Ports on which TLS starts with the first byte, by server and version.
PORTS = {
    ("nginx", "1.2"): 8443,
    ("nginx", "1.3"): 443,
    ("apache", "1.2"): 10443,
    ("apache", "1.3"): 9443,
}
PAGES = {"index.html": 500, "big": 300_000, "slow": 50_000, "close": 500, "deny": 500}

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
user root; worker_processes 1;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2;
  fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
  keepalive_timeout {expires}s; {more}
  types {{ text/html html; }} default_type text/html;
{hosts}}}
"""
NGINX_HOST = """  server {{
    listen {address}:{port} ssl; ssl_protocols TLSv{version}; root {folder}/www;
    location /slow {{ limit_rate 100k; }}
    location = /big {{ limit_rate 600k; }}
    location /close {{ keepalive_timeout 0; }}
    location /deny {{ client_max_body_size 1k; proxy_pass http://127.0.0.1:9; }}
  }}
"""

APACHE = """
ServerRoot {folder}
ServerName lab
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
DefaultRuntimeDir {folder}
{modules}
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAliveTimeout {expires}
MaxKeepAliveRequests 0
SSLCertificateFile {folder}/cert.pem
SSLCertificateKeyFile {folder}/key.pem
SSLSessionCache none
DocumentRoot {folder}/www
SetEnvIf Request_URI ^/close nokeepalive
<Location /slow>
  SetOutputFilter RATE_LIMIT
  SetEnv rate-limit 100
</Location>
<LocationMatch ^/big$>
  SetOutputFilter RATE_LIMIT
  SetEnv rate-limit 600
</LocationMatch>
<Location /deny>
  LimitRequestBody 1000
</Location>
{hosts}
"""
APACHE_HOST = """Listen {address}:{port}
<VirtualHost {address}:{port}>
  ServerName lab
  SSLEngine on
  SSLProtocol -all +TLSv{version}
</VirtualHost>
"""
# Images come three seconds after the page: a browser drops idle connections while it starts up.
# Those of ``/big.html`` are given up while they are on their way.
PAGE = """<!doctype html><link rel=icon href=data:,><title>lab</title>{images}<script>
setTimeout(() => {{ for (const one of document.images) one.src = one.dataset.src }}, 3000);
setTimeout(() => {{ for (const one of document.images) one.src = 'data:,' }}, {leaves});
</script>"""
MODULES = ("mpm_event", "authz_core", "setenvif", "env", "ratelimit", "ssl", "dir")
# Apache refuses to serve as root; another user may not enter the folder of a run without this.
AS_NOBODY = (
    "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
    "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override",
)  # fmt: skip
MODULE_FOLDER = Path("/usr/lib/apache2/modules")


def start(lab: Lab, expires: int, more: str = "") -> None:
    """Both servers, idle connections closed after `expires` seconds; returns once they listen.

    `more`: further lines for nginx.
    """
    folder = lab.work / "web"
    (folder / "www").mkdir(parents=True)
    certificate(folder)
    for name, size in PAGES.items():
        (folder / "www" / name).write_bytes(b"w" * size)
    for page, path, leaves in (
        ("all", "", 60_000),
        ("close", "close", 60_000),
        ("big", "big", 3150),
    ):
        images = "".join(
            f"<img data-src=https://{lab.address}:{port}/{path}>" for port in PORTS.values()
        )
        text = PAGE.format(images=images, leaves=leaves)
        (folder / "www" / f"{page}.html").write_text(text)
    given = {"folder": folder, "expires": expires, "address": INSIDE[0]}
    for name, text, host in (("nginx", NGINX, NGINX_HOST), ("apache", APACHE, APACHE_HOST)):
        hosts = "".join(
            host.format(port=port, version=version, **given)
            for (server, version), port in PORTS.items()
            if server == name
        )
        modules = "\n".join(
            f"LoadModule {one}_module {MODULE_FOLDER}/mod_{one}.so" for one in MODULES
        )
        config = folder / f"{name}.conf"
        config.write_text(text.format(hosts=hosts, more=more, modules=modules, **given))
    start = lab.network.start
    start(lab.network.server, "nginx", "-c", f"{folder}/nginx.conf", "-p", str(folder))
    start(lab.network.server, *AS_NOBODY, "apache2", "-X", "-f", f"{folder}/apache.conf")
    for port in PORTS.values():
        _await(lab, port)


def _await(lab: Lab, port: int) -> None:
    """Wait until the port listens, without connecting to it."""
    wanted = f"{socket.inet_aton(INSIDE[0])[::-1].hex().upper()}:{port:04X} 00000000:0000 0A"
    for _ in range(200):
        with lab.network.server:
            table = Path("/proc/thread-self/net/tcp").read_text()
        if wanted in table:
            return
        time.sleep(0.05)
    raise UsageError(f"lab: no web server listens on port {port}")
