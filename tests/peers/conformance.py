"""The OCI distribution specification's own conformance suite, its pull side.

A read-only registry is tested with content that is there: tags, manifests, blobs and subjects of
one repository are named to the suite, which makes none of its own.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.peers import Peers

__all__ = ["PULL_APIS", "Content", "Verdict", "check_pull"]

PULL_APIS = {
    "Ping",
    "Tag listing",
    "Blob get",
    "Blob head",
    *(f"Manifest {verb} by {name}" for verb in ("get", "head") for name in ("digest", "tag")),
}
"""What the suite tests of a read-only registry, by its names; "Referrers" where it has subjects."""

_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the registry holds: digests, but for the tags."""

    repository: str
    tags: Sequence[str]
    manifests: Sequence[str]
    blobs: Sequence[str]
    subjects: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the suite says.

    Attributes:
        result: ``Pass``, ``FAIL`` …, as the suite sums up.
        apis: The same for each API of the specification, by the suite's names for them.
        report: All of its text.
    """

    result: str
    apis: Mapping[str, str]
    report: str


def check_pull(
    peers: Peers, host: str, content: Content, environment: Mapping[str, str], folder: Path
) -> Verdict:
    """Run the suite against ``https://host``, in `folder`.

    The verdict is read from the suite's own report on standard output. Its exit status is no
    measure: 0 when its set-up fails, and when no push is allowed this version of it falls over
    after the report, while it writes results.yaml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str(peers.path("conformance"))],
        cwd=folder,
        env={**environment, **_settings(host, content, folder)},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    return _read(done.stdout, done.stderr)


def _settings(host: str, content: Content, folder: Path) -> dict[str, str]:
    disabled = ["PUSH", "BLOBS_DELETE", "MANIFESTS_DELETE", "TAGS_DELETE"]
    if not content.subjects:
        disabled.append("REFERRER")
    return {
        "OCI_REGISTRY": host,
        "OCI_TLS": "enabled",
        "OCI_REPO1": content.repository,
        "OCI_RESULTS_DIR": str(folder),
        **{f"OCI_API_{api}": "false" for api in disabled},
        "OCI_RO_DATA_TAGS": " ".join(content.tags),
        "OCI_RO_DATA_MANIFESTS": " ".join(content.manifests),
        "OCI_RO_DATA_BLOBS": " ".join(content.blobs),
        "OCI_RO_DATA_REFERRERS": " ".join(content.subjects),
    }


def _read(report: str, complaint: str) -> Verdict:
    result = re.search(r"^OCI Conformance Result: (.*)$", report, re.MULTILINE)
    assert result, f"the suite did not run: {report[-1000:]}{complaint[-2000:]}"
    apis = report.partition("API conformance:\n")[2].partition("\n\n")[0]
    lines = re.findall(r"^  (.*?)\.*: +(.*)$", apis, re.MULTILINE)
    return Verdict(result=result[1], apis=dict(lines), report=report)
