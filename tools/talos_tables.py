"""Write `airgap/talos/table.py` from a clone of github.com/siderolabs/talos.

Reads, at each release tag from v1.9.0 to v1.13.x, `pkg/machinery/constants/constants.go` (the file
that the Go module github.com/siderolabs/talos/pkg/machinery of that version holds) and, for the
pause image, which is in no module of its own, `pkg/images/list.go`. Only versions are taken.

    git clone https://github.com/siderolabs/talos && python tools/talos_tables.py talos
"""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

CONSTANTS = "pkg/machinery/constants/constants.go"
IMAGE_LIST = "pkg/images/list.go"
COLUMNS = {
    "kube": (CONSTANTS, "DefaultKubernetesVersion"),
    "dns": (CONSTANTS, "DefaultCoreDNSVersion"),
    "etcd": (CONSTANTS, "DefaultEtcdVersion"),
    "etcd-image": (CONSTANTS, "EtcdImage"),
    "flannel": (CONSTANTS, "FlannelVersion"),
    "pause": (IMAGE_LIST, "DefaultSandboxImage"),
    "netpol": (CONSTANTS, "KubeNetworkPoliciesVersion"),
    "n": (CONSTANTS, "SupportedKubernetesVersions"),
}
TAG = re.compile(r"v1\.(?:9|10|11|12|13)\.[0-9]+")
WIDTHS = (8, 6, 7, 7, 28, 7, 6, 6, 1)
HEAD = '''"""The Talos releases this project knows; written by tools/talos_tables.py, not by hand.

Source of a row: github.com/siderolabs/talos at the tag and commit it names, constants in
pkg/machinery/constants/constants.go (Go module github.com/siderolabs/talos/pkg/machinery of that
version), pause in pkg/images/list.go. `-`: that release has no such image. `n`: how many
Kubernetes minors are supported, counted down from the default.
"""

from __future__ import annotations

__all__ = ["TABLE"]

TABLE = """\\
'''


def main() -> None:
    """Write the table, or say which tag lacks what."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("repository", type=Path, help="a clone of github.com/siderolabs/talos")
    options = parser.parse_args()
    tags = [tag for tag in _git(options.repository, "tag").split() if TAG.fullmatch(tag)]
    tags.sort(key=lambda tag: tuple(int(part) for part in tag[1:].split(".")))
    rows = [["# talos", *COLUMNS, "commit"]]
    rows += [_row(options.repository, tag) for tag in tags]
    lines = [_line(row) for row in rows]
    target = Path(__file__).parent.parent / "airgap" / "talos" / "table.py"
    target.write_text(HEAD + "\n".join(lines) + '\n"""\n', encoding="utf-8")
    print(f"{target}: {len(tags)} releases, {tags[0]} to {tags[-1]}")


def _row(repository: Path, tag: str) -> list[str]:
    files = {path: _git(repository, "show", f"{tag}:{path}") for path in (CONSTANTS, IMAGE_LIST)}
    commit = _git(repository, "rev-parse", "--short=12", f"{tag}^{{commit}}").strip()
    return [tag, *(_constant(tag, files[path], name) for path, name in COLUMNS.values()), commit]


def _constant(tag: str, text: str, name: str) -> str:
    match = re.search(rf'^(?:const)?\s*{name} = "?([^"\s]+)"?$', text, re.MULTILINE)
    if match is None and name != "KubeNetworkPoliciesVersion":
        raise SystemExit(f"{tag}: no constant {name}")
    value = match[1] if match else "-"
    return value.rpartition(":")[2] if name == "DefaultSandboxImage" else value


def _line(row: list[str]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, WIDTHS, strict=False)]
    return " ".join([*cells, row[-1]])


def _git(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout


if __name__ == "__main__":
    main()
