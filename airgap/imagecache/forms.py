"""An image cache in each of its forms: directories, and single files.

What Talos and its imager read: the OCI layout as a directory (imager's `--image-cache`), a tar of
it, the plain tree as a directory (`talosctl image cache-serve` from 1.12) or a tar, and media whose
label Talos looks for. Nothing is visible before it is whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from airgap.errors import PublishError
from airgap.imagecache.archive import pack
from airgap.imagecache.iso import render_iso
from airgap.imagecache.staging import publish_staged, staging
from airgap.imagecache.tree import StoredFile, Tree, size_of
from airgap.imagecache.vfat import render_vfat
from airgap.imagecache.wrapper import unknown_layer, wrap, write_layer
from airgap.plan.cache_content import FileForm
from airgap.store import publish_file
from airgap.store.partial import PartialFile, partial_file, refuse, sweep

__all__ = ["DirectoryForm", "fill_file", "make_directory", "write_directory", "write_file"]

DirectoryForm = Literal["oci", "tree"]

Told = Callable[[int], object]


def _nobody(_count: int) -> None:
    """Hear of bytes and do nothing."""


def fill_file(
    form: FileForm, tree: Tree, platform: str, partial: PartialFile, *, told: Told = _nobody
) -> None:
    """Write a cache into a file that nobody sees yet.

    Args:
        form: Which.
        tree: What is in it.
        platform: `os/architecture` of the OCI wrapper.
        partial: The file, empty.
        told: Hears how many bytes of it are written.

    Raises:
        IntegrityError: A stored file has other bytes than it should.
        PublishError: The disk refuses, or the form cannot hold the tree.
    """
    if form == "tar":
        _write_layout_tar(tree, platform, partial, told)
        return
    render = {"flat": pack, "iso": render_iso, "vfat": render_vfat}[form]
    pieces: Iterable[bytes | memoryview] = render(tree)
    for piece in pieces:
        partial.write(piece)
        told(len(piece))


def write_file(
    form: FileForm, tree: Tree, platform: str, destination: Path, *, told: Told = _nobody
) -> None:
    """Make a cache as a file, whole, in place of one that is there: see `fill_file`."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refuse(destination, error) from error
    sweep(destination.parent)
    with partial_file(destination.parent) as partial:
        fill_file(form, tree, platform, partial, told=told)
        partial.commit(destination)


def make_directory(
    form: DirectoryForm, tree: Tree, platform: str, root: Path, *, told: Told = _nobody
) -> None:
    """Write a cache as a directory that nobody looks at yet: see `fill_file`."""
    try:
        root.mkdir(mode=0o755)
        if form == "oci":
            _write_layout(tree, platform, root, told)
        else:
            _write_tree(tree, root, told)
    except OSError as error:
        raise refuse(root, error) from error


def write_directory(
    form: DirectoryForm,
    tree: Tree,
    platform: str,
    destination: Path,
    *,
    replace: bool = False,
    told: Told = _nobody,
) -> None:
    """Make a cache as a directory, whole; with `replace`, in place of what is there.

    Raises:
        PublishError: Something is there and is not to be replaced, or the disk refuses.
        IntegrityError: A stored file has other bytes than it should.
    """
    if not replace and destination.exists():
        raise PublishError(f"{destination} is there already", hint="name another one, or --force")
    with staging(destination.parent) as place:
        made, before = place / "cache", place / "before"
        make_directory(form, tree, platform, made, told=told)
        is_there = destination.exists()
        if is_there:
            destination.rename(before)
        try:
            publish_staged(made, destination)
        except BaseException:
            if is_there and not destination.exists():
                before.rename(destination)
            raise


def _write_layout(tree: Tree, platform: str, root: Path, told: Told) -> None:
    blobs = root / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    packed = blobs / "layer"
    with packed.open("xb", buffering=0) as file:
        layer = write_layer(tree, lambda data: _write(file.fileno(), data), told=told)
    wrapper = wrap(layer, platform)
    packed.rename(root / wrapper.layer_path)
    for path, data in wrapper.small_files().items():
        (root / path).write_bytes(data)


def _write_layout_tar(tree: Tree, platform: str, partial: PartialFile, told: Told) -> None:
    """Write the layer where it will be, and then what stands before it and names it.

    All digests are of one length: the place is known before they are.
    """
    start = len(wrap(unknown_layer(tree), platform).tar_head())
    os.lseek(partial.descriptor, start, os.SEEK_SET)
    wrapper = wrap(write_layer(tree, partial.write, told=told), platform)
    partial.write(wrapper.tar_tail())
    os.lseek(partial.descriptor, 0, os.SEEK_SET)
    partial.write(wrapper.tar_head())


def _write_tree(tree: Tree, root: Path, told: Told) -> None:
    for directory in tree.all_directories():
        (root / directory).mkdir(mode=0o755)
    for path, content in tree.files.items():
        if isinstance(content, StoredFile):
            publish_file(
                content.path, root / path, mode="link", digest=content.digest, size=content.size
            )
        else:
            (root / path).write_bytes(content)
        told(size_of(content))


def _write(descriptor: int, data: bytes | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
