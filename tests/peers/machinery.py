"""Talos' own machine configuration code: a process a release, asked in lines of JSON.

`tools/peers/machinery/main.go` says what it does with the loader, generator, patcher and validator
of `github.com/siderolabs/talos/pkg/machinery` at that release.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from pydantic import BaseModel

from tests.peers.processes import bare_environment
from tools.peers import Peers
from tools.peers.golang import MACHINERY

__all__ = ["MACHINERY", "Machinery", "MachineryError", "find_breaches", "start_machinery"]

_STOP_S = 10.0


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
    schema: Draft202012Validator
    process: subprocess.Popen[str]

    def generate(self, kind: str, talos: str = "") -> str:
        """Return the configuration of a controlplane or worker, as made for a release."""
        asked = {"type": kind, "talos": talos or self.version, "kubernetes": "1.34.1"}
        return self._ask("generate", asked).config

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


def find_breaches(machinery: Machinery, config: str) -> list[str]:
    """Return what the release's published schema does not allow, a line for each document."""
    breaches = []
    for document in yaml.safe_load_all(config):
        if error := best_match(machinery.schema.iter_errors(document)):
            breaches.append(f"{document.get('kind', 'v1alpha1')}{error.json_path}: {error.message}")
    return breaches


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
            validator = Draft202012Validator(schema)
            yield Machinery(version=version, schema=validator, process=process)
        finally:
            assert process.stdin
            process.stdin.close()  # its input ends, and so does it
            process.wait(_STOP_S)
