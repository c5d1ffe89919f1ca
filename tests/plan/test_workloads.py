"""What the plan says of workloads: hosts that their manifests name, in the Site's inputs."""

from __future__ import annotations

from airgap.plan import plan_site
from airgap.site.model import Manifest
from tests.plan.samples import make_lock, make_site


def inputs_of(*manifests: Manifest) -> dict[str, object]:
    """Return the Site's inputs, and see that no other component says anything of it."""
    site = make_site().model_copy(update={"manifests": manifests})
    plan = plan_site(site, make_lock(), name="berlin")
    assert not [item.kind for item in plan.components[1:] if "workloads" in item.inputs]
    return dict(plan.site.inputs)


def test_without_hosts_the_key_is_absent() -> None:
    """States and plans of sites that name none are what they were."""
    assert "workloads" not in inputs_of()
    assert inputs_of(Manifest(path="a.yaml")) == inputs_of()


def test_hosts_of_all_manifests_are_sorted_with_their_first_place() -> None:
    one = Manifest(path="a.yaml", hosts={"z.example": "a.yaml → x", "b.example": "a.yaml → y"})
    two = Manifest(path="b.yaml", hosts={"a.example": "b.yaml → x", "z.example": "b.yaml → z"})
    workloads = inputs_of(one, two)["workloads"]
    assert workloads == {
        "hosts": {"a.example": "b.yaml → x", "b.example": "a.yaml → y", "z.example": "a.yaml → x"}
    }
    assert isinstance(workloads, dict)
    assert list(workloads["hosts"]) == ["a.example", "b.example", "z.example"]


def test_what_is_beyond_five_hundred_is_counted() -> None:
    hosts = {f"h{index:04}.example": "a.yaml → x" for index in range(503)}
    workloads = inputs_of(Manifest(path="a.yaml", hosts=hosts))["workloads"]
    assert isinstance(workloads, dict)
    assert (len(workloads["hosts"]), workloads["unlisted"]) == (500, 3)
    assert "h0499.example" in workloads["hosts"]
    assert "h0500.example" not in workloads["hosts"]
