"""The list of referrers that a client keeps where the registry keeps none.

Distribution specification v1.1, "Pushing Manifests with Subject" and "Referrers Tag Schema": an
index under the tag `<algorithm>-<hex>` of the subject. Pure: bytes in, bytes out.
"""

from __future__ import annotations

import json

from airgap.digest import Digest
from airgap.errors import IntegrityError
from airgap.oci.manifest import OCI_INDEX, Manifest, parse_manifest

__all__ = ["add_referrer", "fallback_tag"]


def fallback_tag(subject: Digest) -> str:
    """Return the tag under which a subject's referrers are listed."""
    return f"{subject.algorithm}-{subject.hex}"


def add_referrer(listed: Manifest | None, referrer: Manifest) -> Manifest | None:
    """Return the list with a referrer's descriptor behind what it has; None: it has it already.

    Args:
        listed: The list as it is; None when there is none yet.
        referrer: The manifest to list.

    Raises:
        IntegrityError: The tag holds something else than an index, or the list grew too large.
    """
    if listed is None:
        document: dict[str, object] = {"schemaVersion": 2, "mediaType": OCI_INDEX}
        entries: list[object] = []
    elif not listed.is_index:
        raise IntegrityError(
            f"a tag for referrers holds {listed.digest}, a {listed.media_type} and no index",
            hint="somebody uses a tag of that form for something else: remove it",
        )
    elif any(child.digest == referrer.digest for child in listed.children):
        return None
    else:
        document = json.loads(listed.raw)
        entries = list(document.get("manifests") or [])  # type: ignore[call-overload]  # was parsed
    document["manifests"] = [*entries, _entry(referrer)]
    raw = json.dumps(document, separators=(",", ":")).encode()
    return parse_manifest(raw, media_type=OCI_INDEX, source="list of referrers")


def _entry(referrer: Manifest) -> dict[str, object]:
    entry: dict[str, object] = {
        "mediaType": referrer.media_type,
        "digest": str(referrer.digest),
        "size": len(referrer.raw),
    }
    if referrer.artifact_type:
        entry["artifactType"] = referrer.artifact_type
    annotations = json.loads(referrer.raw).get("annotations")
    if annotations:
        entry["annotations"] = annotations
    return entry
