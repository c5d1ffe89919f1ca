"""The WSGI application: read-only registry under `/v2/`, boot assets beside it, `/healthz`.

A path is only ever looked up in the catalogue, so none can lead out of the store.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import quote

from werkzeug.wrappers import Request, Response

from airgap.digest import sha256_of
from airgap.errors import AirgapError
from airgap.serve.catalogue import AssetFile, LiveCatalogue
from airgap.serve.files import CheckedFiles
from airgap.serve.registry import Registry
from airgap.serve.responses import ErrorCode, Representation, refuse, send_bytes, send_file
from airgap.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["app"]

log = logging.getLogger(__name__)
access_log = logging.getLogger("airgap.serve.access")


def app(store: Store, *, asset_prefix: str = "") -> WSGIApplication:
    """Return the application that serves a store.

    Args:
        store: Read at each request: what a running `fetch` names is served from then on.
        asset_prefix: Where boot assets lie, for example `/talos`; empty for the root.
    """
    return _Application(store, asset_prefix)


class _Application:
    def __init__(self, store: Store, asset_prefix: str) -> None:
        self._store = store
        self._prefix = "/".join(("", *asset_prefix.strip("/").split("/"))).rstrip("/") + "/"
        self._catalogue = LiveCatalogue(store)
        self._registry = Registry(store, self._catalogue)
        self._checked = CheckedFiles()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        request = Request(environ)
        response = self._respond(request)
        access_log.info(
            '%s "%s %s" %d %s',
            request.remote_addr,
            request.method,
            environ.get("REQUEST_URI", quote(request.path)),
            response.status_code,
            response.headers.get("Content-Length", "-"),
        )
        return response(environ, start_response)

    def _respond(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            allow = {"Allow": "GET, HEAD"}
            return refuse(405, "UNSUPPORTED", "this registry is read-only", headers=allow)
        try:
            return self._route(request)
        except AirgapError as error:
            # The store is damaged: never a 404, which would mean that the content does not exist.
            log.error("%s: %s", request.path, error)
            code: ErrorCode = (
                "MANIFEST_UNKNOWN" if "/manifests/" in request.path else "BLOB_UNKNOWN"
            )
            return refuse(500, code, error.message)

    def _route(self, request: Request) -> Response:
        if request.path == "/v2" or request.path.startswith("/v2/"):
            return self._registry.respond(request)
        if request.path == "/healthz":
            self._catalogue.current()
            return _text("ok\n", 200)
        return self._respond_asset(request)

    def _respond_asset(self, request: Request) -> Response:
        catalogue = self._catalogue.current()
        path = request.path.removeprefix(self._prefix)
        if path == request.path:
            return _text("not found\n", 404)
        catalogue.check_path(path)
        if (checksums := catalogue.checksums.get(path)) is not None:
            return _send_checksums(request, checksums)
        if (file := catalogue.assets.get(path)) is not None:
            return self._send_asset(request, file)
        return _text("not found\n", 404)

    def _send_asset(self, request: Request, file: AssetFile) -> Response:
        asset = file.asset
        path = self._store.blob_path(asset.sha256)
        self._checked.check(path, asset.sha256)
        what = Representation(
            digest=asset.sha256,
            size=asset.size,
            media_type="application/octet-stream",
            is_immutable=file.is_immutable,
        )
        return send_file(request, path, what)


def _send_checksums(request: Request, data: bytes) -> Response:
    what = Representation(
        digest=sha256_of(data),
        size=len(data),
        media_type="text/plain; charset=utf-8",
        is_immutable=False,
    )
    return send_bytes(request, data, what)


def _text(text: str, status: int) -> Response:
    return Response(text, status=status, content_type="text/plain; charset=utf-8")
