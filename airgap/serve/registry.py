"""The pull side of OCI distribution specification v1.1 over a catalogue; nothing is ever written.

end-1 `/v2/`, end-2 blobs, end-3 manifests, end-8 tags, end-12 referrers, each by GET and HEAD.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice
from urllib.parse import quote, urlencode

from werkzeug.wrappers import Request, Response

from airgap.digest import Digest, is_digest
from airgap.oci.manifest import OCI_INDEX, Descriptor
from airgap.serve.catalogue import LiveCatalogue, Repository
from airgap.serve.responses import Representation, json_response, refuse, send_bytes, send_file
from airgap.store import Store
from airgap.store.walk import is_manifest

__all__ = ["Registry"]

_ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs|tags|referrers)/(?P<item>[^/]+)\Z")


class Registry:
    """Answers `/v2/…`."""

    def __init__(self, store: Store, catalogue: LiveCatalogue) -> None:
        self._store = store
        self._catalogue = catalogue
        self._kinds: dict[str, Callable[[Request, Repository, str], Response]] = {
            "manifests": self._manifest,
            "blobs": self._blob,
            "tags": self._tags,
            "referrers": self._referrers,
        }

    def respond(self, request: Request) -> Response:
        """Answer a GET or HEAD whose path begins with `/v2`."""
        if request.path in ("/v2", "/v2/"):
            return json_response({}, headers={"Docker-Distribution-API-Version": "registry/2.0"})
        match = _ROUTE.match(request.path)
        if match is None:
            return refuse(404, "NAME_INVALID", "no such endpoint")
        repository = self._catalogue.current().find(match["name"], request.args.get("ns"))
        if repository is None:
            return refuse(404, "NAME_UNKNOWN", f"no image of {match['name']} is in the store")
        return self._kinds[match["kind"]](request, repository, match["item"])

    def _manifest(self, request: Request, repository: Repository, item: str) -> Response:
        if is_digest(item):
            found = repository.find(Digest.parse(item))
            found = found if found is not None and is_manifest(found) else None
        else:
            found = repository.tags.get(item)
        if found is None:
            return refuse(404, "MANIFEST_UNKNOWN", f"{repository.name} has no {item} in the store")
        raw = self._store.read(found.digest)
        return send_bytes(request, raw, _represent(found, is_immutable=is_digest(item)))

    def _blob(self, request: Request, repository: Repository, item: str) -> Response:
        if not is_digest(item):
            return refuse(400, "DIGEST_INVALID", f"{item} is no digest")
        found = repository.find(Digest.parse(item))
        if found is None:
            return refuse(404, "BLOB_UNKNOWN", f"{repository.name} has no {item} in the store")
        what = _represent(found, is_immutable=True, media_type="application/octet-stream")
        return send_file(request, self._store.blob_path(found.digest), what)

    def _tags(self, request: Request, repository: Repository, item: str) -> Response:
        """List tags in lexical order, `n` at a time after `last` ("Listing Tags")."""
        if item != "list":
            return refuse(404, "NAME_INVALID", "no such endpoint")
        limit, last = request.args.get("n"), request.args.get("last", "")
        if limit is not None and not (limit.isascii() and limit.isdigit()):
            return refuse(400, "UNSUPPORTED", "n must be a number")
        rest = [tag for tag in sorted(repository.tags) if tag > last]
        tags = rest if limit is None else list(islice(rest, int(limit)))
        headers = {}
        if tags and len(tags) < len(rest):
            query = request.args.to_dict() | {"last": tags[-1]}
            target = f"{quote(request.path)}?{urlencode(query)}"
            headers["Link"] = f'<{target}>; rel="next"'
        name = request.path.removeprefix("/v2/").removesuffix("/tags/list")
        return json_response({"name": name, "tags": tags}, headers=headers)

    def _referrers(self, request: Request, repository: Repository, item: str) -> Response:
        """List what refers to a digest; an empty index when nothing does ("Listing Referrers")."""
        if not is_digest(item):
            return refuse(400, "DIGEST_INVALID", f"{item} is no digest")
        found = repository.referrers(Digest.parse(item))
        headers = {}
        if (wanted := request.args.get("artifactType")) is not None:
            found = [entry for entry in found if entry.get("artifactType") == wanted]
            headers["OCI-Filters-Applied"] = "artifactType"
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
        return json_response(document, media_type=OCI_INDEX, headers=headers)


def _represent(
    found: Descriptor, *, is_immutable: bool, media_type: str | None = None
) -> Representation:
    return Representation(
        digest=found.digest,
        size=found.size,
        media_type=media_type or found.media_type,
        is_immutable=is_immutable,
        headers={"Docker-Content-Digest": str(found.digest)},
    )
