"""Two gates that let nobody through at first, the same for each transfer."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from airgap.errors import UpstreamError
from lab.tls import Authority, ServerCertificate
from tests.faults.scene import Scene
from tests.faults.stage import Stage, again, refusal
from tests.net.servers import ForwardProxy, running

__all__ = ["Demanding", "Named", "refused_by_proxy", "without_client_certificate"]

_NAME = "site.example:5000"
_PASSWORD = "MARKED"


class Demanding(Authority):
    """An authority whose servers want to see a certificate of a client's."""

    def issue(self, *names: str) -> ServerCertificate:
        """Issue it."""
        return replace(super().issue(*names), clients=self.ca_file)


class Named(Authority):
    """An authority whose servers have a name that only a proxy can resolve."""

    def issue(self, *names: str) -> ServerCertificate:
        """Issue it."""
        return super().issue(*names, "127.0.0.1", _NAME.partition(":")[0])


def without_client_certificate(stage: Stage, scene: Scene, authority: Authority) -> str:
    """Run without a certificate, and then with it."""
    certs = stage.folder / "certs.d"
    stage.patch.setenv("AIRGAP_CERTS", str(certs))
    ran = scene.run()
    words = refusal(ran, UpstreamError, "client certificate")
    assert ran.error is not None
    assert f"certs.d/{scene.server.host}" in ran.error.diagnostics()
    assert list(scene.server.requests) == []
    authority.issue_client(certs / scene.server.host)
    scene.finish()
    return f"{words}, and where to put one; {again(scene)}"


def refused_by_proxy(stage: Stage, scene: Scene) -> str:
    """Run through a proxy that lets nobody pass, and then anybody."""
    proxy = ForwardProxy({_NAME: ("127.0.0.1", scene.server.port)}, user="another:one")
    stage.enter(running(proxy))
    stage.patch.setenv("HTTPS_PROXY", proxy.url(f"site:{_PASSWORD}"))
    scene.url = f"https://{_NAME}"
    ran = scene.run()
    words = refusal(ran, UpstreamError, "the proxy refused")
    assert _PASSWORD not in cast("UpstreamError", ran.error).diagnostics()
    assert len(proxy.seen) == 1, "a refusal is final"
    assert list(scene.server.requests) == []
    proxy.user = ""
    scene.finish()
    return f"{words}, once and without its password; {again(scene)}"
