"""`checksums.txt` of one directory: sha512sum's format, merged over all who publish there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from airgap.digest import Digest
from airgap.errors import PublishError
from airgap.store import CHECKSUMS, publish_bytes, render_checksums
from airgap.store.partial import refuse

__all__ = ["merge_checksums", "parse_checksums", "remove_checksums"]

# coreutils: digest, a space, then a space (text) or an asterisk (binary), then the name.
_LINE = re.compile(r"([0-9a-f]{128}) [ *](.+)\Z")
_MAX_BYTES = 4 * 1024 * 1024


def parse_checksums(text: str) -> dict[str, Digest]:
    """Return the sha512 of each file that sha512sum's output names; other lines are skipped."""
    matches = (_LINE.match(line) for line in text.splitlines())
    return {match[2]: Digest("sha512", match[1]) for match in matches if match}


def merge_checksums(directory: Path, files: Mapping[str, Digest]) -> None:
    """Write a directory's checksums.txt: these files, and the other listed ones that still exist.

    The caller holds the destination's lock for this directory.

    Raises:
        PublishError: The disk refuses.
    """
    listed = {
        file: digest
        for file, digest in _read(directory / CHECKSUMS).items()
        if (directory / file).is_file() and ".." not in file.split("/")
    }
    publish_bytes(render_checksums({**listed, **files}), directory / CHECKSUMS)


def remove_checksums(directory: Path) -> None:
    """Take the files that no longer exist out of checksums.txt; an empty one goes.

    The caller holds the destination's lock for this directory.

    Raises:
        PublishError: The disk refuses.
    """
    path = directory / CHECKSUMS
    left = {file: digest for file, digest in _read(path).items() if (directory / file).is_file()}
    if left:
        publish_bytes(render_checksums(left), path)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise refuse(path, error) from error


def _read(path: Path) -> dict[str, Digest]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise refuse(path, error) from error
    if len(data) > _MAX_BYTES:
        raise PublishError(f"{path} is larger than {_MAX_BYTES} bytes: this is no list of sums")
    return parse_checksums(data.decode("utf-8", "replace"))
