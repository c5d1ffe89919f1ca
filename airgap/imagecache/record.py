"""The record beside a cache that somebody made: what is in it, and what its bytes were.

`<path>.json`. With it the same command again finds that nothing is to be done, and a person sees
what a medium holds without reading it.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from airgap.digest import sha256_of
from airgap.plan.cache_content import CacheContent
from airgap.store import hash_file
from airgap.store.partial import refuse, replace_bytes

__all__ = ["Record", "fingerprint", "read_record", "record_path", "write_record"]


class Record(BaseModel):
    """What a cache is: its form and key, what is in it, and a fingerprint of its bytes."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )

    form: str
    key: str
    platforms: tuple[str, ...]
    images: dict[str, str]
    signatures: dict[str, str]
    fingerprint: str

    @classmethod
    def of(cls, content: CacheContent, form: str, fingerprint: str) -> Record:
        """Return the record of a cache that was made."""
        return cls(
            form=form,
            key=content.key(form),
            platforms=content.platforms,
            images=dict(content.images),
            signatures=dict(content.signatures),
            fingerprint=fingerprint,
        )


def record_path(cache: Path) -> Path:
    """Return where the record of a cache is."""
    return cache.with_name(f"{cache.name}.json")


def fingerprint(cache: Path) -> str:
    """Return a file's sha256; of a directory, one of its files' paths and sizes.

    In a directory's paths are the digests of what is in it.

    Raises:
        PublishError: It is not there, or cannot be read.
    """
    try:
        if not cache.is_dir():
            return str(hash_file(cache).sha256)
        files = sorted(
            (str(path.relative_to(cache)), path.stat().st_size)
            for path in cache.rglob("*")
            if path.is_file()
        )
    except OSError as error:
        raise refuse(cache, error) from error
    return str(sha256_of(json.dumps(files).encode()))


def read_record(cache: Path) -> Record | None:
    """Return a cache's record; None where there is none that can be read."""
    try:
        return Record.model_validate_json(record_path(cache).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(cache: Path, record: Record) -> None:
    """Write a cache's record.

    Raises:
        PublishError: The disk refuses.
    """
    text = json.dumps(record.model_dump(by_alias=True), indent=2, sort_keys=True) + "\n"
    replace_bytes(record_path(cache), text.encode(), mode=0o644)
