"""A check reads no other section than it says: else it could not run while one is broken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from airgap.site.check import CHECKS, Check
from airgap.site.known import known_here
from airgap.site.model import Site
from tests.site.documents import minimal

__all__: list[str] = []


def _name(check: Check) -> str:
    return f"{check.run.__module__.rpartition('.')[2]}.{check.run.__name__}"


@pytest.mark.parametrize("check", CHECKS, ids=_name)
def test_a_check_reads_only_the_sections_it_names(check: Check) -> None:
    site = Site.model_validate(minimal())
    construct: Callable[..., Site] = Site.model_construct
    partial = construct(**{name: getattr(site, name) for name in check.sections})
    for name in set(Site.model_fields) - check.sections:
        partial.__dict__.pop(name, None)

    assert list(check.run(partial, known_here())) == []
