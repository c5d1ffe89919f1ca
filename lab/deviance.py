"""How real registries differ from the distribution specification, each way a switch.

The names in brackets are registries known for it. Everything off is the specification as the
distribution project's v3 has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["DOCKER_REGISTRY", "Deviance"]


@dataclass(slots=True, kw_only=True)
class Deviance:
    """What a registry does in its own way; may be changed while it runs.

    Attributes:
        ranges: Blobs are served by range (not by registry.k8s.io's CDN).
        mounts: A mount may be granted; else it opens an upload, as the specification allows.
        upload_status: GET tells how far an upload is (not in some S3-backed registries: 404).
        keeps_cut_uploads: An upload goes on after a cut body (docker-registry 2.8: its size is no
            longer the one its Location states, and whatever is asked of it is answered 404).
        checks_ranges: A chunk with a wrong Content-Range is answered 416 (docker-registry 2.8 and
            old Harbor: 202, and appended).
        range_is_length: An upload's Range ends with its length, not with its last byte.
        takes_whole: A PUT may bring the whole blob; else it is answered 405.
        location: How an upload's Location is written.
        has_state: An upload's Location has a query that writing needs.
        chunk_min_bytes: The smallest chunk a PATCH may bring, stated as OCI-Chunk-Min-Length.
    """

    ranges: bool = True
    mounts: bool = True
    upload_status: bool = True
    keeps_cut_uploads: bool = True
    checks_ranges: bool = True
    range_is_length: bool = False
    takes_whole: bool = True
    location: Literal["absolute", "relative"] = "absolute"
    has_state: bool = True
    chunk_min_bytes: int = 0


DOCKER_REGISTRY = Deviance(keeps_cut_uploads=False, checks_ranges=False)
"""Debian's docker-registry 2.8.2, as it was found by experiment. Copy it before changing it."""
