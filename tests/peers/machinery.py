"""Talos' own machine configuration code: a process a release, asked in lines of JSON.

`tools/peers/machinery/main.go` says what it does with the loader, generator, patcher and validator
of `github.com/siderolabs/talos/pkg/machinery` at that release.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from tests.peers.processes import bare_environment
from tools.peers import Peers
from tools.peers.golang import MACHINERY

__all__ = ["MACHINERY", "Machinery", "MachineryError", "find_breaches", "start_machinery"]

_STOP_S = 10.0
_V1ALPHA1 = "v1alpha1.Config"


class MachineryError(Exception):
    """Talos' code refused; the text is its own."""


class _Answer(BaseModel):
    config: str
    warnings: tuple[str, ...] | None
    images: tuple[str, ...] | None
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Machinery:
    """One release's code. Methods raise `MachineryError` with what it says."""

    version: str
    schema: Mapping[str, Mapping[str, Mapping[str, Mapping[str, Mapping[str, object]]]]]
    process: subprocess.Popen[str]
    generated: dict[tuple[str, str], str] = field(default_factory=dict)
    breaches: dict[str, set[str]] = field(default_factory=dict)

    def generate(self, kind: str, talos: str = "") -> str:
        """Return the configuration of a controlplane or worker, as made for a release.

        Made once: its keys take seconds.
        """
        asked = {"type": kind, "talos": talos or self.version, "kubernetes": "1.34.1"}
        made = self.generated
        key = (kind, asked["talos"])
        if key not in made:
            made[key] = self._ask("generate", asked).config
        return made[key]

    def patch(self, config: str, patches: Sequence[str]) -> str:
        """Return the configuration with patches applied, in order."""
        return self._ask("patch", {"config": config, "patches": list(patches)}).config

    def validate(self, config: str) -> tuple[str, ...]:
        """Return what a machine of metal warns of; raise if it would refuse to boot."""
        return self._ask("validate", {"config": config}).warnings or ()

    def images(self) -> tuple[str, ...]:
        """Return the images that the release's constants name."""
        return self._ask("list", {}).images or ()

    def _ask(self, do: str, rest: Mapping[str, object]) -> _Answer:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"do": do, **rest}) + "\n")
        self.process.stdin.flush()
        answer = _Answer.model_validate_json(self.process.stdout.readline())
        if answer.error:
            raise MachineryError(f"{self.version}: {answer.error}")
        return answer


@contextmanager
def start_machinery(peers: Peers) -> Iterator[Mapping[str, Machinery]]:
    """Run every release's code until the block ends; yield them by release."""
    with ExitStack() as stack:
        yield {version: stack.enter_context(_start(peers, version)) for version in MACHINERY}


def find_breaches(machinery: Machinery, config: str) -> set[str]:
    """Return what the release's published schema does not allow, by document and path.

    Of each text it is found once: what a release generates is the base of many.
    """
    if config not in machinery.breaches:
        machinery.breaches[config] = {
            f"{document.get('kind', 'v1alpha1')}{error.json_path}: {error.message}"
            for document in yaml.load_all(config, Loader=yaml.CSafeLoader)
            for error in _definition(machinery, document.get("kind")).iter_errors(document)
        }
    return machinery.breaches[config]


def _definition(machinery: Machinery, kind: str | None) -> Draft202012Validator:
    """Return the schema of a kind of document; the one without a kind is v1alpha1's."""
    definitions = machinery.schema["$defs"]
    (name,) = (
        name
        for name, definition in definitions.items()
        if (name == _V1ALPHA1 if kind is None else _kinds(definition) == [kind])
    )
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


def _kinds(definition: Mapping[str, Mapping[str, Mapping[str, object]]]) -> object:
    return definition.get("properties", {}).get("kind", {}).get("enum")


@contextmanager
def _start(peers: Peers, version: str) -> Iterator[Machinery]:
    schema = json.loads(peers.path(f"schema-{version}").read_bytes())
    with subprocess.Popen(
        [peers.path(f"machinery-{version}")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=bare_environment(),
    ) as process:
        try:
            yield Machinery(version=version, schema=schema, process=process)
        finally:
            assert process.stdin
            process.stdin.close()  # its input ends, and so does it
            process.wait(_STOP_S)
