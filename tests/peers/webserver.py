"""nginx, serving a directory over TLS as a release server or an asset mirror would."""

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.peers.certificates import Certificates
from tests.peers.processes import bare_environment, serving
from tools.peers import Peers

__all__ = ["serve_directory"]

# Every path nginx would otherwise take from the machine is named. Root's workers would become
# somebody who cannot read a test's folders.
_CONFIGURATION = """\
daemon off;
user {user} {group};
worker_processes 1;
pid {folder}/pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ }}
  default_type application/octet-stream;
  sendfile on;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {chain};
    ssl_certificate_key {key};
    root {root};
  }}
}}
"""


@contextmanager
def serve_directory(
    peers: Peers, root: Path, certificates: Certificates, folder: Path, port: int | None = None
) -> Iterator[str]:
    """Run nginx over `root` with its own files in `folder`; yield its ``https://`` URL."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"

    def command(port: int) -> list[str]:
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                port=port,
                root=root,
                chain=certificates.chain,
                key=certificates.key,
                user=pwd.getpwuid(os.geteuid()).pw_name,
                group=grp.getgrgid(os.getegid()).gr_name,
            )
        )
        # `-e`: the compiled-in log is opened before the configuration is read.
        arguments = ["-p", f"{folder}/", "-e", "stderr", "-c", str(configuration)]
        return [str(peers.path("nginx")), *arguments]

    with serving(command, folder / "log", bare_environment(), port) as port:
        yield f"https://127.0.0.1:{port}"
