"""A practice registry: the OCI distribution specification v1.1, pull and push.

Where the specification leaves a choice, it does as the distribution project's registry does:
manifests are only given to clients whose Accept lists their media type; a Docker manifest list
asked for by tag becomes its linux/amd64 child; a manifest whose blobs are missing is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

from werkzeug.wrappers import Request, Response

from airgap.digest import is_digest, sha256_of
from airgap.errors import IntegrityError
from airgap.oci import INDEX_TYPES, Manifest
from airgap.oci.manifest import MAX_MANIFEST_BYTES, OCI_INDEX
from lab.auth import TOKEN_PATH, Action, Anonymous, Authenticator, error_response
from lab.content import Content, MissingBlobError
from lab.deviance import Deviance
from lab.ranges import serve_bytes
from lab.server import Simulator
from lab.tls import ServerCertificate
from lab.uploads import Uploads

__all__ = ["Registry"]

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*\Z")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")
_ROUTE = re.compile(
    r"/v2/(?P<name>.+?)/(?:(?P<kind>manifests|referrers)/(?P<ref>[^/]+)|(?P<tags>tags/list)"
    r"|blobs/uploads/(?P<upload>[^/]*)|blobs/(?P<blob>[^/]+))\Z"
)
_DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"


class Registry(Simulator):
    """A registry on loopback.

    Args:
        port: 0 for any free port.
        certificate: Speak TLS with it.
        directory: Keep blobs as files here; in memory by default.
        auth: Who may pull and push.
        deletes: Whether DELETE works (405 otherwise, distribution's default).
        without_referrers: Repository name prefixes with no referrers API, as ghcr.io has none;
            `("",)` switches it off everywhere.
        page_size: How many entries a page of tags/list or referrers holds at most.
        deviance: In what it differs from the specification.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        certificate: ServerCertificate | None = None,
        directory: Path | None = None,
        auth: Authenticator | None = None,
        deletes: bool = False,
        without_referrers: Sequence[str] = (),
        page_size: int = 100,
        deviance: Deviance | None = None,
    ) -> None:
        super().__init__(port=port, certificate=certificate)
        self.content = Content(directory)
        self.deviance = deviance or Deviance()
        self.uploads = Uploads(self.content, self.deviance)
        self.auth: Authenticator = auth or Anonymous()
        self.deletes = deletes
        self._without_referrers = tuple(without_referrers)
        self._page_size = page_size

    def respond(self, request: Request) -> Response:
        """Route one request."""
        if request.path == TOKEN_PATH:
            return self.auth.token(request)
        if request.path in ("/v2", "/v2/"):
            refusal = self.auth.challenge(request, "", "pull")
            return refusal or Response("{}", content_type="application/json")
        if request.path == "/v2/_catalog":
            refusal = self.auth.challenge(request, "", "pull")
            return refusal or _json({"repositories": self.content.names})
        route = _ROUTE.match(request.path)
        if route is None:
            return Response("404 page not found\n", status=404)
        return self._authorized(request, route)

    def has_referrers_api(self, name: str) -> bool:
        """Tell whether a repository answers /referrers/."""
        return not any(name.startswith(prefix) for prefix in self._without_referrers)

    def _authorized(self, request: Request, route: re.Match[str]) -> Response:
        name = route["name"]
        if not _NAME.match(name):
            return error_response(400, "NAME_INVALID", "invalid repository name")
        action: Action = "pull" if request.method in ("GET", "HEAD") else "push"
        refusal = self.auth.challenge(request, name, action)
        if refusal is not None:
            return refusal
        if request.method == "DELETE" and not self.deletes and route["upload"] is None:
            return error_response(405, "UNSUPPORTED", "the operation is unsupported")
        return self._dispatch(request, route)

    def _dispatch(self, request: Request, route: re.Match[str]) -> Response:
        name = route["name"]
        if route["tags"]:
            return self._tags(request, name)
        if route["upload"] is not None:
            if route["upload"]:
                return self.uploads.proceed(request, name, route["upload"])
            return self.uploads.begin(request, name)
        if route["blob"]:
            return self._blob(request, name, route["blob"])
        if route["kind"] == "referrers":
            return self._referrers(request, name, route["ref"])
        return self._manifest(request, name, route["ref"])

    # Manifests

    def _manifest(self, request: Request, name: str, reference: str) -> Response:
        if not is_digest(reference) and not _TAG.match(reference):
            code = "DIGEST_INVALID" if ":" in reference else "MANIFEST_INVALID"
            return error_response(400, code, "invalid reference")
        match request.method:
            case "PUT":
                return self._put_manifest(request, name, reference)
            case "DELETE":
                return self._delete_manifest(name, reference)
            case "GET" | "HEAD":
                return self._get_manifest(request, name, reference)
        return error_response(405, "UNSUPPORTED", "the operation is unsupported")

    def _get_manifest(self, request: Request, name: str, reference: str) -> Response:
        found = self.content.find(name, reference)
        if found is None:
            if self.content.repository(name) is None:
                return error_response(404, "NAME_UNKNOWN", "repository name not known to registry")
            return error_response(404, "MANIFEST_UNKNOWN", f"unknown manifest {reference}")
        if not _is_accepted(request, found.media_type):
            child = self._amd64_child(name, found)
            if child is None or is_digest(reference):
                what = "OCI index" if found.is_index else "OCI manifest"
                message = f"{what} found, but Accept header does not support {what}es"
                return error_response(404, "MANIFEST_UNKNOWN", message)
            found = child
        headers = {"Docker-Content-Digest": str(found.digest), "ETag": f'"{found.digest}"'}
        return Response(found.raw, headers=headers, content_type=found.media_type)

    def _amd64_child(self, name: str, found: Manifest) -> Manifest | None:
        if found.media_type != _DOCKER_LIST:
            return None
        for child in found.children:
            if str(child.platform) == "linux/amd64":
                return self.content.find(name, str(child.digest))
        return None

    def _put_manifest(self, request: Request, name: str, reference: str) -> Response:
        raw = request.stream.read(MAX_MANIFEST_BYTES + 1)
        if len(raw) > MAX_MANIFEST_BYTES:
            return error_response(413, "SIZE_INVALID", "manifest too large")
        tag = None if is_digest(reference) else reference
        try:
            media_type = request.content_type or ""
            manifest = self._store_manifest(name, raw, media_type, reference, tag)
        except IntegrityError as error:
            return error_response(400, "MANIFEST_INVALID", error.message)
        except MissingBlobError as error:
            return error_response(
                404, "MANIFEST_BLOB_UNKNOWN", f"blob unknown to registry: {error}"
            )
        headers = {
            "Location": f"/v2/{name}/manifests/{manifest.digest}",
            "Docker-Content-Digest": str(manifest.digest),
        }
        if manifest.subject is not None and self.has_referrers_api(name):
            headers["OCI-Subject"] = str(manifest.subject.digest)
        return Response(status=201, headers=headers)

    def _store_manifest(
        self, name: str, raw: bytes, media_type: str, reference: str, tag: str | None
    ) -> Manifest:
        found = sha256_of(raw)
        if tag is None and str(found) != reference:
            raise IntegrityError(f"the bytes have digest {found}, not {reference}")
        return self.content.put_manifest(name, raw, media_type=media_type, tag=tag)

    def _delete_manifest(self, name: str, reference: str) -> Response:
        if is_digest(reference):
            existed = self.content.remove_manifest(name, reference)
        else:
            existed = self.content.untag(name, reference)
        if not existed:
            return error_response(404, "MANIFEST_UNKNOWN", f"unknown manifest {reference}")
        return Response(status=202)

    # Blobs

    def _blob(self, request: Request, name: str, digest: str) -> Response:
        if not is_digest(digest):
            return error_response(400, "DIGEST_INVALID", "invalid digest")
        if not self.content.has_blob(name, digest):
            return error_response(404, "BLOB_UNKNOWN", "blob unknown to registry")
        if request.method == "DELETE":
            self.content.remove_blob(name, digest)
            return Response(status=202)
        headers = {
            "Docker-Content-Digest": digest,
            "ETag": f'"{digest}"',
            "Content-Type": "application/octet-stream",
        }
        pool = self.content.pool
        size, ranges = pool.size(digest), self.deviance.ranges
        return serve_bytes(request, lambda: pool.open(digest), size, headers=headers, ranges=ranges)

    # Lists

    def _tags(self, request: Request, name: str) -> Response:
        repository = self.content.repository(name)
        if repository is None:
            return error_response(404, "NAME_UNKNOWN", "repository name not known to registry")
        last = request.args.get("last", "")
        tags = [tag for tag in sorted(repository.tags) if tag > last]
        limit = min(request.args.get("n", self._page_size, type=int), self._page_size)
        response = _json({"name": name, "tags": tags[:limit]})
        if len(tags) > limit > 0:
            query = f"n={limit}&last={quote(tags[limit - 1])}"
            response.headers["Link"] = f'</v2/{name}/tags/list?{query}>; rel="next"'
        return response

    def _referrers(self, request: Request, name: str, digest: str) -> Response:
        if not self.has_referrers_api(name):
            return Response("404 page not found\n", status=404)
        if not is_digest(digest):
            return error_response(400, "DIGEST_INVALID", "invalid digest")
        wanted = request.args.get("artifactType")
        found = self.content.referrers(name, digest)
        entries = [_entry(item) for item in found if wanted in (None, item.artifact_type)]
        start = request.args.get("start", 0, type=int)
        stop = start + self._page_size
        page = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries[start:stop]}
        response = Response(json.dumps(page), content_type=OCI_INDEX)
        if stop < len(entries):
            query = urlencode({**request.args.to_dict(), "start": stop})
            response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
        if wanted is not None:
            response.headers["OCI-Filters-Applied"] = "artifactType"
        return response


def _entry(manifest: Manifest) -> dict[str, object]:
    entry: dict[str, object] = {
        "mediaType": manifest.media_type,
        "digest": str(manifest.digest),
        "size": len(manifest.raw),
        "artifactType": manifest.artifact_type,
    }
    annotations = json.loads(manifest.raw).get("annotations")
    if annotations:
        entry["annotations"] = annotations
    return entry


def _is_accepted(request: Request, media_type: str) -> bool:
    """Whether Accept names the type; wildcards do not count, as in distribution."""
    listed = {
        part.partition(";")[0].strip()
        for line in request.headers.getlist("Accept")
        for part in line.split(",")
    }
    plain_docker = media_type not in INDEX_TYPES and ".docker." in media_type
    return plain_docker or media_type in listed


def _json(document: object) -> Response:
    return Response(json.dumps(document), content_type="application/json")
