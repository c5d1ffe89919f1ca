"""One change of a practice site, locked outside and previewed inside."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from airgap.lock import Lock
from tests.engine.result import Json, Result
from tests.stacks.differences import Difference, differences
from tests.stacks.site import PracticeSite

__all__ = ["Change", "Edit", "PreviewChange", "previews_of"]

Edit = Callable[[Json], None]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: the lock it was given outside, and its preview inside."""

    lock: Lock
    preview: Result
    requests: int

    @property
    def seen(self) -> Mapping[str, Difference]:
        """What each updated resource's inputs were and are."""
        return differences(self.preview)


PreviewChange = Callable[[Edit], Change]


def previews_of(site: PracticeSite) -> PreviewChange:
    """Return what previews a change of the site, once; nothing of it stays."""
    value, lock = copy.deepcopy(site.value), site.lock

    @cache
    def preview(edit: Edit) -> Change:
        changed = copy.deepcopy(value)
        edit(changed)
        site.change(changed)
        site.forget_requests()
        shown = site.workspace.preview("--diff")
        change = Change(lock=site.lock, preview=shown, requests=len(site.requests))
        site.change(value, relock=False)
        site.write_lock(lock)
        return change

    return preview
