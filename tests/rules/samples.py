"""Component values that hold every rule, for tests that break one thing at a time."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from pathlib import Path

from airgap.plan import plan_site
from airgap.rules import Finding, evaluate
from airgap.site.model import Site
from tests.plan.samples import make_lock, make_site

__all__ = ["CA", "TODAY", "component", "good_site", "judge", "put"]

CA = (Path(__file__).parents[2] / "stacks" / "certs" / "example-ca.pem").read_text("utf-8")
"""A real one: EC P-256, SHA-256, until 2126-10-30 (`openssl x509 -text`)."""

TODAY = date(2026, 11, 23)


def good_site(**changes: object) -> Site:
    """Return a site whose CAs can be read."""
    registry = {"kind": "existing", "endpoints": [{"url": "https://r.example:5000", "ca": CA}]}
    mirror = {
        "kind": "directory",
        "url": "https://a.example/talos",
        "path": "/srv/talos",
        "ca": CA,
    }
    return make_site(**{"registry": registry, "assetMirror": mirror, **changes})


def component(kind: str) -> dict[str, object]:
    """Return the inputs of a good site's component."""
    plan = plan_site(good_site(), make_lock(), name="berlin")
    for item in plan.components:
        if item.kind == kind:
            return deepcopy(dict(item.inputs))
    raise AssertionError(f"no component {kind}")


def put(values: dict[str, object], path: str, value: object) -> dict[str, object]:
    """Set the value at a path whose steps are parted by `/`; `None` removes it."""
    here: object = values
    *steps, last = path.split("|")
    for step in steps:
        here = here[int(step)] if isinstance(here, list) else here[step]  # type: ignore[index]  # tests know the shape
    assert isinstance(here, dict)
    if value is None:
        del here[last]
    else:
        here[last] = value
    return values


def judge(kind: str, values: dict[str, object], *, today: date = TODAY) -> tuple[Finding, ...]:
    """Return the findings for a component's values."""
    return evaluate(f"airgap:index:{kind}", "x", values, today=today)
