"""Semantic differences: by path, lists by their items, and the same for either form of Talos."""

from __future__ import annotations

import pytest

from airgap.plan import plan_site
from airgap.plan.machine import plan_machine_config
from airgap.plan.mirrors import plan_mirrors
from airgap.report import compare, write_page
from airgap.report.keys import compare_keys, flatten, path_text
from airgap.report.machine_config import is_in_documents, read_machine_config
from airgap.report.objects import compare_objects
from airgap.report.scene import Scene, scene_of_plan
from airgap.site.model import Manifest
from tests.report.recorded import BASIS, LINKS, NAME, TODAY, recorded, report_of, side


def test_a_setting_is_named_by_its_path() -> None:
    (change,) = compare_keys({"a": {"b.c": {"d": 1}}}, {"a": {"b.c": {"d": 2}}})
    assert (change.path, change.old, change.new) == ('a["b.c"].d', "1", "2")


def test_a_list_is_told_by_what_came_and_went() -> None:
    (change,) = compare_keys({"args": ["a", "b", "c"]}, {"args": ["c", "a", "d"]})
    assert (change.came, change.went) == (("d",), ("b",))


def test_a_list_in_another_order_is_a_change_without_items() -> None:
    (change,) = compare_keys({"args": ["a", "b"]}, {"args": ["b", "a"]})
    assert (change.came, change.went, change.old, change.new) == ((), (), "a, b", "b, a")


def test_items_of_a_list_are_known_by_their_name() -> None:
    old = [{"name": "a", "x": 1}, {"name": "b", "x": 1}]
    new = [{"name": "b", "x": 1}, {"name": "a", "x": 2}]
    (change,) = compare_keys({"items": old}, {"items": new})
    assert (change.path, change.old, change.new) == ("items.a.x", "1", "2")


def test_nothing_and_null_are_not_the_same() -> None:
    (change,) = compare_keys({}, {"a": None})
    assert (change.old, change.new) == (None, "null")


def test_leaves_are_whole() -> None:
    assert dict(flatten({"a": {}, "b": [{"x": 1}, {"y": 2}]})) == {
        ("a",): {},
        ("b",): [{"x": 1}, {"y": 2}],
    }


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("a", "b"), "a.b"),
        (("mirrors", "ghcr.io", "endpoints"), 'mirrors["ghcr.io"].endpoints'),
        (("*",), '["*"]'),
    ],
)
def test_a_path_reads_as_in_code(path: tuple[str, ...], text: str) -> None:
    assert path_text(path) == text


def test_both_forms_of_talos_configuration_read_the_same() -> None:
    """Talos 1.12's documents and v1alpha1 say the same, but for the trusted roots it adds."""
    nodes = {
        "timeServers": ["10.0.0.1"],
        "nameservers": ["10.0.0.2", "10.0.0.3"],
        "extraHosts": {"10.0.0.4": ["a.example", "b.example"]},
    }
    of = side(nodes=nodes)
    mirrors = plan_mirrors(of.site, of.lock)
    old, new = (
        plan_machine_config(of.site, mirrors, installer="i", dialect=dialect).to_view()
        for dialect in ("v1alpha1", "documents")
    )
    assert (is_in_documents(old), is_in_documents(new)) == (False, True)
    changes = compare_keys(read_machine_config(old), read_machine_config(new))
    assert [change.path for change in changes] == [
        '["TrustedRootsConfig/sidero-airgap"].certificatesFingerprint'
    ]


def test_time_that_is_off_reads_the_same_in_both_forms() -> None:
    of = side(nodes={"nameservers": ["10.0.0.2"]})
    mirrors = plan_mirrors(of.site, of.lock)
    trees = [
        read_machine_config(
            plan_machine_config(of.site, mirrors, installer="i", dialect=dialect).to_view()
        )
        for dialect in ("v1alpha1", "documents")
    ]
    for tree in trees:
        machine = tree["machine"]
        assert isinstance(machine, dict)
        assert machine["time"] == {"disabled": True}


def test_reading_leaves_the_plan_as_it_was() -> None:
    of = side(nodes={"extraHosts": {"10.0.0.4": ["a.example"]}})
    config = plan_machine_config(
        of.site, plan_mirrors(of.site, of.lock), installer="i", dialect="v1alpha1"
    ).to_view()
    before = repr(config)
    read_machine_config(config)
    assert repr(config) == before


def test_classes_that_change_alike_are_told_once() -> None:
    base, head = recorded("layout").both()
    changes = compare_objects(base.scene, head.scene)
    assert [each.names for each in changes if each.kind == "serverClass"] == [
        ("storage", "workers")
    ]


def test_a_removed_site_is_all_removed() -> None:
    changes = compare_objects(side().scene, Scene())
    assert {change.mark for change in changes} == {"removed"}


def test_items_of_a_list_are_json() -> None:
    (change,) = compare_keys({"a": [{"x": True}]}, {"a": [{"x": None}]})
    assert (change.came, change.went) == (('{"x": null}',), ('{"x": true}',))


def test_what_there_is_one_of_is_named_once() -> None:
    base, head = side(), side(sidero={"version": "v0.6.13", "controllerTrust": "external"})
    report = compare(base.scene, head.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert "idero Sidero" not in report.headline
    kept = side(retention={"keepLocks": 5})
    report = compare(base.scene, kept.scene, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert report.headline == "The registry is changed."


def test_a_new_violation_wears_the_colour_of_a_warning() -> None:
    page = write_page(report_of(recorded("mirror")))
    policies = page[page.index('id="policies"') :]
    assert '<span class="mark changed">new</span>' in policies
    assert '<span class="mark added">+ new</span>' not in policies.partition("</section>")[0]


def test_hosts_that_workloads_name_are_told() -> None:
    def scene(**hosts: str) -> Scene:
        manifest = Manifest(path="shop.yaml", hosts={f"{key}.example": hosts[key] for key in hosts})
        site = side().site.model_copy(update={"manifests": (manifest,)})
        lock = side().lock
        return scene_of_plan(plan_site(site, lock, name=NAME), lock, site)

    before = scene(pay="shop.yaml → ConfigMap a → data.url")
    after = scene(
        pay="shop.yaml → ConfigMap a → data.url", hooks="shop.yaml → ConfigMap a → data.hook"
    )
    (change,) = compare_objects(before, after)
    (key,) = change.keys
    assert (change.kind, change.names) == ("site", ("workloads",))
    assert (key.path, key.old) == ('hosts["hooks.example"]', None)
    report = compare(before, after, site=NAME, basis=BASIS, links=LINKS, today=TODAY)
    assert report.headline == "Workloads name `hooks.example`."
    assert {(each.rule, each.subject) for each in report.findings} == {
        ("closed-workloads", "hooks.example"),
        ("closed-workloads", "pay.example"),
    }
    assert "hooks.example" in write_page(report)
