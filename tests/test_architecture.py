"""The room table: who may import what, who touches network and disk, and how big things get.

A room is the longest prefix below that a module's dotted name begins with. The table is the
design's (docs/adr/0001): arrows point one way, `__main__ → components → providers → airgap` and
`policies → airgap.rules`. Everything is read from the syntax tree: no module is imported here.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median

import pytest

__all__: list[str] = []

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("airgap", "providers", "components", "policies", "lab", "__main__")

NETWORK = {"httpx", "http.client", "http.server", "socket", "urllib.request", "cheroot", "ftplib"}
DISK = {"shutil", "tempfile", "fcntl", "glob", "sqlite3"}
DISK_CALLS = {
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "rename",
    "is_file", "is_dir", "exists", "iterdir", "stat", "touch", "rmdir", "symlink_to",
}  # fmt: skip
PURE_LIBRARIES = {"pydantic", "pydantic_core", "yaml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What the modules of a room may do."""

    imports: frozenset[str] = frozenset()
    network: bool = False
    disk: bool = False
    libraries: frozenset[str] = field(default_factory=frozenset)


def _room(*imports: str, network: bool = False, disk: bool = False, uses: str = "") -> Room:
    return Room(
        imports=frozenset(imports),
        network=network,
        disk=disk,
        libraries=frozenset(uses.split()) | PURE_LIBRARIES,
    )


PURE = (
    "airgap.errors", "airgap.digest", "airgap.progress", "airgap.oci", "airgap.site",
    "airgap.schematic", "airgap.sidero", "airgap.workloads", "airgap.deployment",
    "airgap.talos", "airgap.lock", "airgap.plan", "airgap.rules", "airgap.render", "airgap.report",
    "airgap.receipt",
)  # fmt: skip
TALKING = (
    "airgap.net", "airgap.store", "airgap.transfer", "airgap.factory", "airgap.resolve",
    "airgap.signature",
)  # fmt: skip

ROOMS: dict[str, Room] = {
    "airgap": _room(),
    "airgap.__main__": _room("airgap.cli"),
    "airgap.errors": _room(),
    "airgap.digest": _room("airgap.errors"),
    "airgap.progress": _room(),
    "airgap.oci": _room(
        "airgap.errors", "airgap.digest", "airgap.net", network=True, disk=True, uses="httpx"
    ),
    "airgap.oci.reference": _room("airgap.errors", "airgap.digest"),
    "airgap.oci.manifest": _room("airgap.errors", "airgap.digest"),
    "airgap.oci.subset": _room("airgap.errors", "airgap.digest"),
    "airgap.site": _room(*PURE),
    "airgap.workloads": _room("airgap.errors", "airgap.digest", "airgap.oci"),
    "airgap.site.load": _room(*PURE, disk=True),  # the door: it alone reads stack files
    "airgap.schematic": _room("airgap.errors", "airgap.digest"),
    "airgap.sidero": _room("airgap.errors"),
    "airgap.talos": _room("airgap.errors", "airgap.digest"),
    "airgap.lock": _room(*PURE),
    "airgap.lock.file": _room(*PURE, disk=True),  # the door: it alone reads and writes locks
    "airgap.deployment": _room(*PURE),
    "airgap.plan": _room(*PURE),
    "airgap.rules": _room("airgap.errors", "airgap.digest", "airgap.oci", "airgap.talos"),
    "airgap.rules.certificates": _room(uses="cryptography"),  # it alone, when there is a PEM
    "airgap.receipt": _room(*PURE),
    "airgap.render": _room("airgap.errors"),
    "airgap.report": _room(*PURE),
    "airgap.store": _room("airgap.errors", "airgap.digest", "airgap.oci", disk=True),
    "airgap.net": _room("airgap.errors", network=True, uses="httpx tenacity certifi"),
    "airgap.net.body": _room("airgap.errors", network=True, disk=True),  # a file to be sent
    "airgap.net.certificates": _room("airgap.errors", disk=True),  # the door: certs.d
    "airgap.factory": _room(*PURE, "airgap.net", network=True, uses="httpx"),
    "airgap.signature": _room(
        "airgap.errors",
        "airgap.digest",
        "airgap.oci",
        "airgap.rules",
        uses="cryptography sigstore sigstore_models",
    ),  # asks registries through its seam alone
    "airgap.resolve": _room(*PURE, *TALKING, network=True, disk=True, uses="httpx"),
    "airgap.transfer": _room(*PURE, *TALKING, network=True, disk=True, uses="httpx"),
    "airgap.imagecache": _room(
        *PURE, "airgap.net", "airgap.store", "airgap.transfer", disk=True
    ),  # talks through transfer alone
    "airgap.serve": _room(*PURE, "airgap.store", network=True, disk=True, uses="cheroot werkzeug"),
    "airgap.cli": _room("airgap", network=True, disk=True, uses="click rich yaml"),
    "providers": _room(*PURE, *TALKING, "airgap.imagecache", disk=True, uses="pulumi grpc"),
    "components": _room(*PURE, "providers", uses="pulumi pulumi_kubernetes pulumi_command"),
    "policies": _room("airgap.rules", "airgap.errors", uses="pulumi_policy pulumi"),
    "__main__": _room("components", *PURE, disk=True, uses="pulumi"),
    "lab": _room(
        "airgap",
        network=True,
        disk=True,
        uses="cheroot werkzeug trustme httpx rich click cryptography",
    ),
}

MAX_MODULE_LINES = 420
MAX_FUNCTION_LINES = 60
MEDIAN_FUNCTION_LINES = 13


def _modules() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for package in PACKAGES:
        base = ROOT / package
        files = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
        for file in files:
            parts = file.relative_to(ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = file
    return found


MODULES = _modules()


def _room_name(module: str) -> str:
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        prefix = ".".join(parts[:length])
        if prefix in ROOMS:
            return prefix
    raise AssertionError(f"{module}: no room in the table")


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def _imports(module: str) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
            names.add(node.module or "")
    return frozenset(names)


def _starts_with(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(f"{prefix}.")


def _is_ours(name: str) -> bool:
    return any(_starts_with(name, package) for package in PACKAGES)


STANDARD = frozenset(sys.stdlib_module_names) | {"_typeshed"}  # types only, of the checker


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_room_imports_only_what_the_table_allows(module: str) -> None:
    home = _room_name(module)
    room = ROOMS[home]
    for name in _imports(module):
        if _is_ours(name):
            if name == "airgap":
                continue
            inside = _starts_with(name, home) or _starts_with(name, _package_of(home))
            allowed = inside or any(_starts_with(name, prefix) for prefix in room.imports)
            assert allowed, f"{module} ({home}) imports {name}"
        else:
            top = name.partition(".")[0]
            assert top in STANDARD or top in room.libraries, f"{module} ({home}) imports {name}"


def _package_of(room: str) -> str:
    """Return the package of a room that is a single module (`airgap.lock.file` → `airgap.lock`)."""
    parent = room.rpartition(".")[0]
    return parent if parent.count(".") >= 1 else room


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_rooms_with_a_network_touch_it(module: str) -> None:
    if ROOMS[_room_name(module)].network:
        return
    touched = {name for name in _imports(module) if any(_starts_with(name, n) for n in NETWORK)}
    assert not touched, f"{module} reaches for the network: {sorted(touched)}"


def _reachable(module: str) -> set[str]:
    """Return every module of ours that importing one brings in, the packages above it included."""
    seen: set[str] = set()
    waiting = {module}
    while waiting:
        current = waiting.pop()
        seen.add(current)
        named = {name for name in _imports(current) if _is_ours(name)}
        found = {name if name in MODULES else name.rpartition(".")[0] for name in named}
        above = {name.rpartition(".")[0] for name in found}
        waiting |= {name for name in found | above if name in MODULES} - seen
    return seen


@pytest.mark.parametrize(
    "module", sorted(name for name in MODULES if any(_starts_with(name, pure) for pure in PURE))
)
def test_a_pure_room_reaches_no_network_through_others_either(module: str) -> None:
    if ROOMS[_room_name(module)].network and module != "airgap.oci":
        return
    talking = {name for name in _reachable(module) if NETWORK & _imports(name)}
    assert not talking, f"{module} brings in {sorted(talking)}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_rooms_with_a_disk_touch_it(module: str) -> None:
    if ROOMS[_room_name(module)].disk:
        return
    touched = {name for name in _imports(module) if any(_starts_with(name, d) for d in DISK)}
    calls = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id == "open":
                calls.add("open")
            elif isinstance(called, ast.Attribute) and called.attr in DISK_CALLS - {"open"}:
                calls.add(called.attr)
    assert not touched | calls, f"{module} reaches for the disk: {sorted(touched | calls)}"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_says_what_it_is_and_what_it_exports(module: str) -> None:
    tree = _tree(module)
    assert ast.get_docstring(tree), f"{module} has no docstring"
    if module.endswith("__main__") or module in {"__main__"}:
        return
    exported = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and any(
            isinstance(target, ast.Name) and target.id == "__all__"
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        )
    ]
    body = [node for node in tree.body if not isinstance(node, ast.Expr)]
    assert exported or not body, f"{module} names no __all__"


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.startswith("airgap")))
def test_nothing_switches_verification_of_tls_off(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.keyword) and node.arg == "verify":
            assert not isinstance(node.value, ast.Constant) or node.value.value is True, module
    assert "CERT_NONE" not in text, module
    assert "_create_unverified_context" not in text, module


def _function_lengths() -> dict[str, int]:
    lengths: dict[str, int] = {}
    for module in MODULES:
        for node in ast.walk(_tree(module)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                documented = ast.get_docstring(node) is not None
                first = node.body[0]
                docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
                length = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring
                lengths[f"{module}.{node.name}:{node.lineno}"] = length
    return lengths


def test_functions_stay_small() -> None:
    lengths = _function_lengths()
    long = {name: lines for name, lines in lengths.items() if lines > MAX_FUNCTION_LINES}
    assert not long
    assert median(lengths.values()) <= MEDIAN_FUNCTION_LINES


def test_modules_stay_small() -> None:
    sizes = {name: len(path.read_text("utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in sizes.items() if lines > MAX_MODULE_LINES} == {}


def test_the_program_is_at_most_thirty_lines() -> None:
    assert len((ROOT / "__main__.py").read_text("utf-8").splitlines()) <= 30


def test_no_module_is_a_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert not {name for name in MODULES if drawers & set(name.split("."))}


def test_the_kubernetes_sdk_is_imported_for_cluster_delivery_only() -> None:
    """It costs 1.5 s to import and demands its plugin: never at the top of a module."""
    for module in MODULES:
        for node in _tree(module).body:
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not any(name.startswith("pulumi_kubernetes") for name in names), module
