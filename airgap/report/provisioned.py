"""What a change does to servers that Sidero provisions, and to its objects in the cluster.

Who has made an object deletes it. With `delivery: cluster` that is the engine: it deletes what the
plan has no more, and leaves Sidero's own Environment `default`, which it has patched (`adopted`,
airgap/plan/objects.py). With `delivery: files` somebody has applied them, and nothing deletes any;
and what is there already the engine does not make again: from 4.29 on pulumi-kubernetes refuses to
create an object that exists (`upsertExistingObjects`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airgap.plan.credentials import CREDENTIALS_SECRET
from airgap.report.changes import Changes
from airgap.report.scene import Scene, part
from airgap.report.wording import join_words, quote

__all__ = ["classes_words", "tell_provisioned"]

_DEFAULT = "default"
_PRUNES = "`apply.sh` only applies. GitOps that prunes deletes"


def tell_provisioned(changes: Changes) -> Iterator[str]:
    """Yield whom it reaches when Sidero next provisions or boots a server, a sentence each."""
    if changed := changes.names("serverClass", "added", "changed"):
        yield (
            f"Servers of {classes_words(changed)} get the new configuration when Sidero provisions "
            "them."
        )
    yield from _removed_classes(changes)
    if booted := changes.names("environment", "added", "changed"):
        yield (
            f"What {_environments(booted)} boot{'s' if len(booted) == 1 else ''} reaches servers "
            "that are provisioned from now on, and those with `pxeBootAlways` at their next boot."
        )
    yield from _left_behind(changes)
    yield from _removed_environments(changes)
    yield from _removed_site(changes)
    yield from _delivery(changes)
    yield from _fork(changes)


def classes_words(names: Sequence[str]) -> str:
    """Return `server classes a and b`, each as code."""
    return f"server class{'es' if len(names) > 1 else ''} {_quoted(names)}"


def _removed_classes(changes: Changes) -> Iterator[str]:
    gone = changes.names("serverClass", "removed")
    if gone and _by_files(changes.base):
        yield (
            f"{_capital(classes_words(gone))} {_still(gone)} there, and Sidero provisions servers "
            f"of {_them(gone)}, until {_deletions('serverclass', gone)}: {_PRUNES} {_them(gone)}."
        )
    elif gone:
        yield f"Sidero provisions no more servers of {classes_words(gone)}."


def _removed_environments(changes: Changes) -> Iterator[str]:
    gone = _without_default(changes.names("environment", "removed"))
    if gone and changes.head.is_there:
        removed = f"the removed {_environments(gone)}"
        yield f"A server that itself names {removed} needs another."
    if gone and _by_files(changes.base):
        deletions = _deletions("environment", _objects(changes.base, gone))
        yield (
            f"The removed {_environments(gone)} {_still(gone)} there until {deletions}: {_PRUNES} "
            f"{_them(gone)}."
        )
    if _DEFAULT in changes.names("environment", "removed"):
        yield (
            "Sidero's own environment `default` stays as it was patched last: what boots by it "
            "asks the site's asset mirror until somebody patches it again."
        )


def _removed_site(changes: Changes) -> Iterator[str]:
    """Yield what a site that goes leaves beside its classes and environments."""
    if changes.head.is_there or not _by_files(changes.base):
        return
    if part(changes.base.inputs("SideroEnvironment"), "controllerTrust").get("kind") == "managed":
        yield (
            "What `controller-trust/` has put into Sidero's manager stays as well: its ConfigMap, "
            "and the patch of its Deployment that names it."
        )
    if changes.base.inputs("Registry").get("nodeAuth") == "machineConfig":
        yield (
            f"The Secret {quote(CREDENTIALS_SECRET)} in Sidero's namespace holds the machines' "
            "credentials until somebody deletes it."
        )


def _delivery(changes: Changes) -> Iterator[str]:
    """Yield what becomes of the objects that are there when somebody else is to deliver them."""
    base, head = changes.base, changes.head
    if not (base.is_there and head.is_there) or _by_files(base) == _by_files(head):
        return
    site = head.inputs("Site").get("site", "<site>")
    classes = sorted(part(base.inputs("SideroEnvironment"), "serverClasses"))
    named = part(base.inputs("SideroEnvironment"), "environments")
    environments = _objects(base, _without_default(sorted(named)))
    told = [classes_words(classes)] if classes else []
    told += [_environments(environments)] if environments else []
    if told and _by_files(head):
        yield (
            f"`up` deletes {join_words(told)} from the cluster, since the engine has made them: "
            "Sidero provisions no servers by them until the files are applied, by `sh "
            f"out/{site}/apply.sh`. Its own environment `default` stays as it was patched last."
        )
        return
    kept = set(part(head.inputs("SideroEnvironment"), "serverClasses"))
    again = [name for name in classes if name in kept]
    now = part(head.inputs("SideroEnvironment"), "environments")
    there = set(_objects(head, sorted(now)))
    objects = [name for name in environments if name in there]
    lines = [*(["serverclass"] if again else []), *(["environment"] if objects else [])]
    if lines:
        yield (
            "`up` makes objects that are there already, applied from files, and refuses to: delete "
            f"them right before ({_commands(again, objects)}), or run it once with "
            "`PULUMI_K8S_UPSERT_EXISTING_OBJECTS=true`, by which it takes over those of the same "
            "content. The same holds for the ConfigMap and the Secret beside them. GitOps has to "
            "let go of all of them first: one that prunes would delete them when the files go."
        )


def _commands(classes: Sequence[str], environments: Sequence[str]) -> str:
    kinds = (("serverclass", classes), ("environment", environments))
    return join_words([quote(f"kubectl delete {kind} {' '.join(n)}") for kind, n in kinds if n])


def _by_files(scene: Scene) -> bool:
    """Tell whether no stack deletes an object of Sidero's that goes, since none has made it."""
    return scene.inputs("SideroEnvironment").get("delivery", "files") == "files"


def _left_behind(changes: Changes) -> Iterator[str]:
    """Yield which objects stay of environments whose new content has a name of its own."""
    if not _by_files(changes.base):
        return
    names = changes.names("environment", "changed")
    old_ones, new_ones = (_objects(scene, names) for scene in (changes.base, changes.head))
    pairs = zip(names, old_ones, new_ones, strict=True)
    moved = {name: old for name, old, new in pairs if old != new}
    if len(moved) == 1:
        yield (
            f"Environment {_quoted([*moved])} gets a new object, whose name carries its content. "
            f"The old one is still there until {_deletions('environment', [*moved.values()])}: "
            f"{_PRUNES} it. A server that itself names the old one needs the new name first."
        )
    elif moved:
        yield (
            f"Environments {_quoted([*moved])} get new objects, whose names carry their content. "
            f"The old ones are still there until {_deletions('environment', [*moved.values()])}: "
            f"{_PRUNES} them. A server that itself names an old one needs the new name first."
        )


def _fork(changes: Changes) -> Iterator[str]:
    """Yield what a switch of the flavour asks of Sidero itself."""
    for change in changes.of_kind("sidero"):
        for key in change.keys if change.mark == "changed" else ():
            if key.path == "flavour" and key.new == "airgap":
                yield (
                    "Sidero's manager has to be the fork, and its definition (`crds/` among the "
                    "files) applied first: stock Sidero drops `airGap` and `bootAsset` silently."
                )
            elif key.path == "flavour":
                yield "Stock Sidero has no `airGap`: the server classes' patches carry all of it."


def _without_default(names: Sequence[str]) -> list[str]:
    """Return names without that of Sidero's own Environment, which is patched alone."""
    return [name for name in names if name != _DEFAULT]


def _environments(names: Sequence[str]) -> str:
    return f"environment{'s' if len(names) > 1 else ''} {_quoted(names)}"


def _quoted(names: Sequence[str]) -> str:
    return join_words([quote(name) for name in names])


def _still(names: Sequence[str]) -> str:
    return "is still" if len(names) == 1 else "are still"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _deletions(kind: str, names: Sequence[str]) -> str:
    return join_words([quote(f"kubectl delete {kind} {name}") for name in names])


def _objects(scene: Scene, names: Sequence[str]) -> list[str]:
    """Return what the cluster calls environments: their names carry their content."""
    found = part(scene.inputs("SideroEnvironment"), "environments")
    return [str(part(found, name).get("object", name)) for name in names]


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
