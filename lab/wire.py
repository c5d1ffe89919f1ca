"""The only way a practice node talks: to its endpoints and declared hosts, never out of the site.

TLS and credentials hang off the endpoint's `host:port`, as in Talos; challenges (basic, bearer) are
answered and redirects followed as containerd does, each hop checked.
"""

from __future__ import annotations

import re
import ssl
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from lab.machineconfig import EndpointAuth, EndpointTls, RegistryConfig

__all__ = ["EgressError", "PullError", "RefusedError", "SiteWire"]

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_MAX_REDIRECTS = 5


class PullError(Exception):
    """No endpoint gave the image, or what it gave was not what its digest says."""


class EgressError(PullError):
    """The node would have left the site."""


class RefusedError(Exception):
    """An endpoint did not give what was asked for; the next one is tried."""


class SiteWire:
    """A node's connections.

    Args:
        config: Whom it trusts, and by which credentials it is known.
        in_site: Further `host:port` it may reach besides its endpoints.
    """

    def __init__(self, config: RegistryConfig, in_site: Iterable[str] = ()) -> None:
        self.egress: list[str] = []
        self.unverified: set[str] = set()
        self._config = config
        self._reachable = config.endpoint_hosts | set(in_site)
        self._clients: dict[str, httpx.Client] = {}
        self._tokens: dict[str, str] = {}

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    @contextmanager
    def get(self, url: str, *, accept: str = "*/*") -> Iterator[httpx.Response]:
        """GET with redirects and the registry's challenge followed, never out of the site."""
        for _ in range(_MAX_REDIRECTS):
            with self._send(url, accept) as response:
                if response.is_redirect:
                    url = urljoin(url, response.headers["Location"])
                    continue
                if response.status_code != 200:
                    raise RefusedError(f"{response.status_code} for {url}")
                yield response
                return
        raise RefusedError(f"too many redirects for {url}")

    @contextmanager
    def _send(self, url: str, accept: str) -> Iterator[httpx.Response]:
        host = self._require_in_site(url)
        client = self._client(host)
        headers = {"Accept": accept}
        if host in self._tokens:
            headers["Authorization"] = self._tokens[host]
        request = client.build_request("GET", url, headers=headers)
        response = client.send(request, stream=True)
        if response.status_code == 401:
            challenge = response.headers.get("WWW-Authenticate", "")
            response.close()
            self._tokens[host] = self._answer(challenge, host)
            request.headers["Authorization"] = self._tokens[host]
            response = client.send(request, stream=True)
        try:
            yield response
        finally:
            response.close()

    def _answer(self, challenge: str, host: str) -> str:
        """Return the Authorization that answers a registry's challenge."""
        auth = self._config.auth.get(host, EndpointAuth())
        scheme, _, rest = challenge.partition(" ")
        basic = httpx.BasicAuth(auth.username, auth.password)
        if scheme.lower() == "basic" and auth.username:
            probe = next(basic.auth_flow(httpx.Request("GET", f"https://{host}/")))
            return probe.headers["Authorization"]
        if scheme.lower() != "bearer":
            raise RefusedError(f"401 and no credentials for {host}")
        fields = dict(_PARAMETER.findall(rest))
        realm_host = self._require_in_site(fields["realm"])
        query = {key: fields[key] for key in ("service", "scope") if key in fields}
        answer = self._client(realm_host).get(
            fields["realm"], params=query, auth=basic if auth.username else None
        )
        if answer.status_code != 200:
            raise RefusedError(f"{answer.status_code} from the token realm of {host}")
        return f"Bearer {answer.json()['token']}"

    def _require_in_site(self, url: str) -> str:
        host = urlsplit(url).netloc
        if host not in self._reachable:
            self.egress.append(url)
            raise EgressError(f"the node would have left the site: {url}")
        return host

    def _client(self, host: str) -> httpx.Client:
        if host not in self._clients:
            tls = self._config.tls.get(host, EndpointTls())
            if tls.insecure_skip_verify:
                self.unverified.add(host)
            context = _context(tls, self._config.trusted_roots)
            self._clients[host] = httpx.Client(verify=context, trust_env=False, timeout=60)
        return self._clients[host]


def _context(tls: EndpointTls, roots: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for pem in (*roots, tls.ca):
        if pem:
            context.load_verify_locations(cadata=pem)
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.client_cert:
        with tempfile.TemporaryDirectory() as directory:
            identity = Path(directory, "identity.pem")
            identity.touch(mode=0o600)
            identity.write_text(tls.client_cert + "\n" + tls.client_key)
            context.load_cert_chain(identity)
    return context
