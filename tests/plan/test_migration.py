"""The migration path of the plan document: three states of one site, each against the one before.

Only the new fields change: what stock Sidero was given stays as it is, object names included.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from airgap.plan import Plan
from tests.plan.samples import differences
from tests.plan.test_examples import plan_of

__all__: list[str] = []

STEPS = ("migration-1-stock", "migration-2-mirrors", "migration-3-boot-asset")
ENVIRONMENTS = ("default", "talos-1-11-5-amd64", "talos-1-11-5-arm64")
CLASSES = ("edge", "workers")
MACHINE = ("features.imageCache.localEnabled", "features.imageCache", "features")


def stack_of(plan: Plan) -> dict[str, Mapping[str, object]]:
    """Return what a stack of that plan holds: inputs by resource name."""
    return {name: inputs for _, name, inputs in plan.views()}


@pytest.fixture(scope="module")
def stacks() -> list[dict[str, Mapping[str, object]]]:
    """The three states, under one stack's name."""
    return [stack_of(plan_of(step, as_stack="berlin")) for step in STEPS]


def test_the_forks_mirrors_are_all_that_the_second_step_changes(
    stacks: list[dict[str, Mapping[str, object]]],
) -> None:
    before, after, _ = stacks
    assert after.keys() - before.keys() == {"manifests-crds"}
    changed = {name: differences(before[name], after[name]) for name in before}
    seen = {name: set(paths) for name, paths in changed.items() if paths}
    files = {f"files.environments/{name}.yaml.documents[0].spec" for name in ENVIRONMENTS[1:]}
    files.add("files.default-environment.patch.yaml.documents[0].spec")
    assert seen == {
        "sidero": {"flavour", *(f"environments.{name}.airGap" for name in ENVIRONMENTS)},
        "manifests-sidero": {"files.apply.sh.lines", *(f"{file}.airGap" for file in files)},
    }
    assert all(old is None for path, (old, _) in changed["sidero"].items() if "airGap" in path)


def test_boot_assets_and_the_cache_are_all_that_the_third_step_changes(
    stacks: list[dict[str, Mapping[str, object]]],
) -> None:
    _, before, after = stacks
    new = after.keys() - before.keys()
    assert new == {f"image-cache-v1.11.5-{architecture}" for architecture in ("amd64", "arm64")}
    changed = {name: differences(before[name], after[name]) for name in before}
    seen = {name: set(paths) for name, paths in changed.items() if paths}
    images = {f"assets.v1.11.5/metal-{arch}.raw.zst" for arch in ("amd64", "arm64")}
    assert seen.pop("asset-mirror") == seen.pop("assets-talos-v1.11.5") == images
    fields = {
        f"environments.{name}.{field}"
        for name in ENVIRONMENTS
        for field in ("bootAsset", "airGap.imageCacheURL")
    }
    switches = {f"serverClasses.{name}.machineConfig.v1alpha1.machine.features" for name in CLASSES}
    assert seen.pop("sidero") == fields | switches
    for name, paths in seen.items():
        assert name.startswith("manifests-"), name
        assert all(_is_new(path) for path in paths), (name, paths)


def _is_new(path: str) -> bool:
    return path.endswith(("bootAsset", "imageCacheURL", "strategicPatches", "features"))


def test_the_steps_are_states_of_one_site() -> None:
    """Nothing of the first step is taken away by a later one."""
    before, _, after = (stack_of(plan_of(step, as_stack="berlin")) for step in STEPS)
    assert not before.keys() - after.keys()
    for name in before:
        for path, (old, new) in differences(before[name], after[name]).items():
            assert old is None or path.endswith(("flavour", "lines")), (name, path, old, new)
