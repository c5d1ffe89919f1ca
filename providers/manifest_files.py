"""ManifestFiles: generated files (Kubernetes objects, units) in a directory of the project.

The inputs hold structured documents; text is made when files are written. Identity: directory and
set name. The set owns its files: one that leaves it is removed, if nobody has changed it
(`airgap.transfer.files` says why this differs from images and boot assets).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pulumi
from pulumi.dynamic import Resource
from pydantic import Field, JsonValue, model_validator

from airgap.render.files import render_file
from airgap.transfer.destination import is_inside
from providers.adapter import ModelProvider, ProviderInputs
from providers.surroundings import open_ledger, project_root

if TYPE_CHECKING:
    from airgap.transfer.ledger import Ledger

__all__ = ["ManifestFiles", "ManifestFilesInputs", "ManifestFilesProvider"]


class ManifestFilesInputs(ProviderInputs):
    """The inputs: `files` maps a path below `directory` to what `render_file` takes."""

    set: Annotated[str, Field(min_length=1)]
    directory: Annotated[str, Field(min_length=1)]
    files: dict[str, dict[str, JsonValue]]

    @model_validator(mode="after")
    def _try_to_render(self) -> ManifestFilesInputs:
        for path in (self.directory, *self.files):
            if not is_inside(path):
                raise ValueError(f"{path!r} leads out of the project")
        self.rendered()
        return self

    @property
    def identifier(self) -> str:
        """`<directory>#<set>`."""
        return f"{self.directory}#{self.set}"

    def rendered(self) -> dict[str, bytes]:
        """Return each file's bytes."""
        return {path: render_file(content) for path, content in self.files.items()}


class ManifestFilesProvider(ModelProvider[ManifestFilesInputs]):
    """Writes what differs, removes what left, finds what somebody changed."""

    model = ManifestFilesInputs
    identity = ("set", "directory")

    def apply(self, inputs: ManifestFilesInputs) -> None:
        """Write the files that differ; remove those that left the set."""
        from airgap.transfer.files import write_files

        root, ledger = _place(inputs.directory)
        write_files(root, inputs.set, inputs.rendered(), ledger)

    def observe(self, inputs: dict[str, object]) -> dict[str, object]:
        """Hash each file: `missing`, or its digest, stands in place of one that differs."""
        from airgap.transfer.files import observe_files

        files = inputs.get("files")
        seen: dict[str, object] = dict(files) if isinstance(files, dict) else {}
        rendered = {
            path: render_file(content)
            for path, content in seen.items()
            if isinstance(content, dict)  # drift of an earlier refresh has no content
        }
        faults = observe_files(_place(str(inputs["directory"]))[0], rendered)
        return {**inputs, "files": {**seen, **{path: f for path, f in faults.items() if f}}}

    def release(self, inputs: dict[str, object]) -> None:
        """Remove the files that only this set named."""
        from airgap.transfer.files import release_files

        root, ledger = _place(str(inputs["directory"]))
        release_files(root, str(inputs["set"]), ledger)


class ManifestFiles(Resource, module="airgap", name="ManifestFiles"):
    """Generated files of one kind."""

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(ManifestFilesProvider(), name, dict(inputs), opts)


def _place(directory: str) -> tuple[Path, Ledger]:
    from airgap.transfer.files import resolve_directory

    return resolve_directory(project_root(), directory), open_ledger(f"files {directory}")
