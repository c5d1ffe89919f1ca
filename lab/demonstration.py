"""The main job, step by step, as a platform engineer would do it; ends with a summary table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from airgap.lock import Lock, read_lock
from airgap.plan import Plan, plan_site
from airgap.site.load import load_site
from lab.inspection import Seen, boot_environments, pull_images
from lab.practice import start_practice, upstream_of
from lab.tls import Authority
from lab.upstream import NEXT_RELEASE, RELEASE, Upstream
from lab.workspace import SITE, Workspace

__all__ = ["demonstrate"]

_DIFF = ("preview", "--diff", "--policy-pack", "policies")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    what: str
    items: str
    size_bytes: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class _Lab:
    """What the steps share."""

    workspace: Workspace
    authority: Authority
    console: Console
    rows: list[_Row] = field(default_factory=list)

    @property
    def lock(self) -> Lock:
        return read_lock(self.workspace.lock_file)

    @property
    def plan(self) -> Plan:
        return plan_site(load_site(self.workspace.stack_file), self.lock, name=SITE)

    def step(self, what: str, do: Callable[[], Seen]) -> None:
        """Do one step, say so, and add its row."""
        began = time.monotonic()
        with self.console.status(what):
            seen = do()
        seconds = time.monotonic() - began
        self.rows.append(
            _Row(what=what, items=str(seen.items), size_bytes=seen.size_bytes, seconds=seconds)
        )
        self.console.print(f"[green]✓[/] {what} [dim]({seconds:.1f} s)[/]")


def demonstrate(root: Path, console: Console) -> None:
    """Run the lab in an empty workspace at `root`.

    Raises:
        lab.workspace.StepFailedError: A command failed; its log says why.
        lab.inspection.InspectionError: The site does not give what its lock promises.
    """
    workspace = Workspace.create(root)
    authority = Authority(root / "ca")
    workspace.trust(authority)
    lab = _Lab(workspace=workspace, authority=authority, console=console)
    site = load_site(workspace.stack_file)
    with (
        upstream_of(site, root / "upstream", authority) as upstream,
        start_practice(site, root, authority),
    ):
        _outside(lab)
        _inside(lab, upstream)
        _change(lab, upstream)
    _summarise(lab)


def _outside(lab: _Lab) -> None:
    """Lock, judge, fetch: what happens on the connected machine."""
    workspace = lab.workspace
    lab.step("lock: tags to digests", lambda: _lock(lab))
    workspace.airgap("check", "check", SITE)
    lab.step("fetch: everything into the store", lambda: _fetch(lab))


def _lock(lab: _Lab) -> Seen:
    lab.workspace.airgap("lock", "lock", SITE)
    return _locked(lab.lock)


def _locked(lock: Lock) -> Seen:
    sizes = [pin.size for pin in lock.images.values()]
    sizes += [pin.size for pin in lock.assets.values()]
    return Seen(items=len(sizes), size_bytes=sum(sizes))


def _fetch(lab: _Lab) -> Seen:
    lab.workspace.airgap("fetch", "fetch", SITE)
    blobs = [path for path in (lab.workspace.root / "store" / "blobs").rglob("*") if path.is_file()]
    return Seen(items=len(blobs), size_bytes=sum(path.stat().st_size for path in blobs))


def _inside(lab: _Lab, upstream: Upstream) -> None:
    """Preview, up, and then the site alone: nothing outside answers any more."""
    lab.workspace.pulumi("stack", "stack", "init")
    upstream.stop()
    lab.console.print("[yellow]·[/] upstream is switched off")
    lab.step("preview with policies", lambda: _pulumi(lab, "preview", *_DIFF))
    up = ("up", "--yes", "--skip-preview", "--policy-pack", "policies")
    lab.step("up: registry, asset mirror, factory, Sidero", lambda: _pulumi(lab, "up", *up))
    lab.step("Sidero takes the Environments", lambda: _boot(lab))
    for server_class in sorted(lab.lock.inputs.server_classes):
        lab.step(f"a {server_class} node pulls every image", lambda: _pull(lab, server_class))  # noqa: B023 - called at once
    lab.step("verify: every byte hashed again", lambda: _verify(lab))


def _pulumi(lab: _Lab, title: str, *arguments: str) -> Seen:
    lab.workspace.pulumi(title, *arguments)
    views = list(lab.plan.views())
    return Seen(items=len(views), size_bytes=0)


def _boot(lab: _Lab) -> Seen:
    workspace = lab.workspace
    pod = workspace.root / "pod"
    return boot_environments(workspace.out, pod, lab.plan, ca_file=lab.authority.ca_file)


def _pull(lab: _Lab, server_class: str) -> Seen:
    patch = lab.workspace.out / "machine-config" / f"{server_class}.patch.yaml"
    classes = lab.plan.sidero.inputs["serverClasses"]
    assert isinstance(classes, dict)
    installer = str(classes[server_class]["installer"]["image"])
    return pull_images(patch, lab.lock, installer, talos=RELEASE)


def _verify(lab: _Lab) -> Seen:
    lab.workspace.airgap("verify", "verify", SITE)
    return _locked(lab.lock)


def _change(lab: _Lab, upstream: Upstream) -> None:
    """A new Talos patch release: locked outside, previewed inside."""
    upstream.publish(NEXT_RELEASE)
    upstream.start()
    stack_file = lab.workspace.stack_file
    text = stack_file.read_text(encoding="utf-8")
    stack_file.write_text(text.replace(RELEASE, NEXT_RELEASE), encoding="utf-8")
    lab.workspace.airgap("lock-next", "lock", SITE)
    upstream.stop()
    lab.step(
        f"a change previewed: Talos {RELEASE} => {NEXT_RELEASE}",
        lambda: _pulumi(lab, "preview-next", *_DIFF),
    )


def _summarise(lab: _Lab) -> None:
    table = Table(title="What the lab did", title_justify="left")
    table.add_column("step")
    for column in ("how many", "MiB", "seconds"):
        table.add_column(column, justify="right")
    for row in lab.rows:
        mebibytes = f"{row.size_bytes / 2**20:.1f}" if row.size_bytes else ""
        table.add_row(row.what, row.items, mebibytes, f"{row.seconds:.1f}")
    lab.console.print(table)
    root = lab.workspace.root
    for path, meaning in {
        lab.workspace.log("preview"): "the whole topology, before it existed",
        lab.workspace.log("preview-next"): "the change to the next Talos release, key by key",
        lab.workspace.out: "Sidero's objects and the machine configuration",
        lab.workspace.lock_file: "the lock",
    }.items():
        lab.console.print(f"  {path.relative_to(root.parent)}  [dim]{meaning}[/]", soft_wrap=True)
    lab.console.print("make lab-down removes it all; README.md goes on with your first real site")
