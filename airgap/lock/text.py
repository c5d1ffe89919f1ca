"""The lock's canonical text: sorted keys, indent 2, UTF-8, one final newline.

Reading is strict and gated by version: a lock of a newer release is refused by its number, before
anything else in it is judged.
"""

from __future__ import annotations

import hashlib
import json
import re

from pydantic import ValidationError

from airgap.errors import Fault, LockError, SiteError
from airgap.lock.model import LOCK_VERSION, Lock
from airgap.oci.reference import parse_reference

__all__ = ["format_lock", "mend_hint", "parse_lock"]

_ASSET_KEY = re.compile(r"v[0-9][0-9A-Za-z.-]*/([0-9a-f]{64}/)?[A-Za-z0-9][A-Za-z0-9._-]*")


def format_lock(lock: Lock) -> str:
    """Return the canonical text; equal locks have equal text."""
    tree = lock.model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps(tree, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def mend_hint(name: str) -> str:
    """Return what to do about a damaged lock: `lock` refuses it, and anew every pin is lost."""
    return (
        f"take the one in git: git checkout -- stacks/{name}.lock.json; where there is none, "
        f"remove the file and run: python -m airgap lock {name}, which pins everything anew"
    )


def parse_lock(text: str, *, source: str = "lock", name: str = "<site>") -> Lock:
    """Read a lock; `parse_lock(format_lock(lock)) == lock`.

    Args:
        text: The lock.
        source: What it is called in faults.
        name: The site's name, for the command to run.

    Raises:
        LockError: No JSON, another lock version, or anything in it that cannot be; all at once.
    """
    document = _load(text, source, name)
    _check_version(document, source, name)
    try:
        lock = Lock.model_validate(document)
    except ValidationError as error:
        faults = [
            Fault(path=".".join(map(str, item["loc"])), message=item["msg"])
            for item in error.errors(include_url=False)
        ]
        raise LockError(source, faults, hint=mend_hint(name)) from None
    faults = _inconsistencies(lock)
    if faults:
        raise LockError(source, faults, hint=mend_hint(name))
    return lock


def _load(text: str, source: str, name: str) -> object:
    hint = mend_hint(name)
    if not text.strip():
        raise LockError(source, [Fault(path="text", message="empty: no lock")], hint=hint)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if re.search(r"^(<{7}|={7}|>{7})", text, re.MULTILINE):
            again = f"run: python -m airgap lock {name}"
            hint = f"it holds a merge conflict: keep either side, then {again}"
        fault = Fault(path="text", message=f"no JSON: {error}")
        raise LockError(source, [fault], hint=hint) from None


def _check_version(document: object, source: str, name: str) -> None:
    version = document.get("lockVersion") if isinstance(document, dict) else None
    if version == LOCK_VERSION:
        return
    message = f"this release reads version {LOCK_VERSION}, " + (
        "and none is given" if version is None else f"not {version!r}"
    )
    newer = isinstance(version, int) and version > LOCK_VERSION
    hint = "update this project: a newer release wrote the lock" if newer else mend_hint(name)
    raise LockError(source, [Fault(path="lockVersion", message=message)], hint=hint)


def _inconsistencies(lock: Lock) -> list[Fault]:
    """Find what the types cannot say: keys that name nothing, a schematic with another's ID."""
    faults: list[Fault] = []
    for key in lock.images:
        try:
            parse_reference(key, path=f"images.{key}")
        except SiteError as error:
            faults += error.faults
    faults += [
        Fault(path=f"assets.{key}", message="the key is not <version>/[<schematic ID>/]<file>")
        for key in lock.assets
        if not _ASSET_KEY.fullmatch(key)
    ]
    faults += [
        Fault(path=f"schematics.{identity}", message="the ID is not the sha256 of its text")
        for identity, pin in lock.schematics.items()
        if hashlib.sha256(pin.canonical.encode()).hexdigest() != identity
    ]
    return faults
