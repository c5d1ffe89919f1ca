"""Make a cache at a path, unless it is there already."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from airgap.errors import PublishError
from airgap.imagecache.contents import Warn, build_tree, check_typed
from airgap.imagecache.forms import write_directory, write_file
from airgap.imagecache.record import (
    Record,
    fingerprint,
    read_record,
    record_path,
    write_record,
)
from airgap.imagecache.tree import Tree
from airgap.plan.cache_content import CacheContent, FileForm
from airgap.progress import Meter, Planned, Progress, Tally
from airgap.store import Store
from airgap.store.partial import refuse

__all__ = ["Form", "create_cache"]

Form = Literal["oci", "tree"] | FileForm
"""Two directories, four files."""


def create_cache(
    store: Store,
    content: CacheContent,
    form: Form,
    destination: Path,
    *,
    talos: str = "",
    replace: bool = False,
    typed_only: bool = False,
    progress: Progress | None = None,
    warn: Warn | None = None,
) -> Literal["present", "published"]:
    """Make a cache; say whether it was there.

    Args:
        store: Holds the images.
        content: What is to be in it.
        form: What to make.
        destination: Where.
        talos: The release it is for, where that is known.
        replace: Whether something else that is there goes.
        typed_only: Whether manifests without a media type of their own are refused.
        progress: Told.
        warn: Told of manifests that Talos up to 1.12 cannot serve.

    Raises:
        PublishError: The store does not have all of it, something else is there, or the disk
            refuses.
        IntegrityError: A blob of the store has other bytes than it should.
    """
    tree = build_tree(store, content)
    check_typed(tree, talos, typed_only=typed_only, warn=warn)
    tally = Tally(1, progress)
    if _is_there(content, form, destination):
        tally.add(destination.name, "present")
        return "present"
    if destination.exists() and not replace:
        raise PublishError(
            f"{destination} is there already, with something else in it",
            hint="name another one, or --force",
        )
    _write(tree, content, form, destination, progress)
    write_record(destination, Record.of(content, form, fingerprint(destination)))
    tally.add(destination.name, "published", tree.size_bytes)
    return "published"


def _is_there(content: CacheContent, form: Form, destination: Path) -> bool:
    record = read_record(destination)
    if record is None or record.key != content.key(form) or not destination.exists():
        return False
    return record.fingerprint == fingerprint(destination)


def _write(
    tree: Tree, content: CacheContent, form: Form, destination: Path, progress: Progress | None
) -> None:
    if progress is not None:
        progress(Planned(size_bytes=tree.size_bytes))
    meter = Meter(destination.name, tree.size_bytes, progress)
    platform = content.outer_platform
    try:
        record_path(destination).unlink(missing_ok=True)  # it would speak of what is replaced
    except OSError as error:
        raise refuse(destination, error) from error
    if form == "oci" or form == "tree":
        write_directory(form, tree, platform, destination, replace=True, told=meter.add)
    else:
        write_file(form, tree, platform, destination, told=meter.add)
