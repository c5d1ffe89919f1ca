"""A small Pulumi program whose dynamic resource is a file, which tests can see and change."""

__all__ = ["FILE_PROGRAM", "POLICY_PACK"]

MAIN = """
import pulumi
from notes import Note

config = pulumi.Config()
note = Note("note", path=config.require("path"), text=config.get("text") or "first")
pulumi.export("text", note.text)
pulumi.export("stack", pulumi.get_stack())
"""

NOTES = """
from pathlib import Path
from time import sleep

import pulumi
from pulumi.dynamic import (
    CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult,
)


class NoteProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props):
        path = Path(props["path"])
        begun = path.with_suffix(".begun")
        if props["text"] == "slow":
            begun.touch()
            sleep(3)
        path.write_text(props["text"])
        return CreateResult(props["path"], {"path": props["path"], "text": props["text"]})

    def diff(self, _id, olds, news):
        moved = ["path"] if olds["path"] != news["path"] else []
        return DiffResult(changes=bool(moved) or olds["text"] != news["text"], replaces=moved)

    def update(self, _id, olds, news):
        Path(news["path"]).write_text(news["text"])
        return UpdateResult({"path": news["path"], "text": news["text"]})

    def read(self, id_, props):
        path = Path(id_)
        if not path.exists():
            return ReadResult("", {})
        found = {"path": id_, "text": path.read_text()}
        return ReadResult(id_, dict(found), dict(found))

    def delete(self, id_, _props):
        Path(id_).unlink(missing_ok=True)


class Note(Resource, module="tests", name="Note"):
    path: pulumi.Output[str]
    text: pulumi.Output[str]

    def __init__(self, name, path, text, opts=None):
        super().__init__(NoteProvider(), name, {"path": path, "text": text}, opts)
"""

FILE_PROGRAM = {"__main__.py": MAIN, "notes.py": NOTES}

POLICY_PACK = {
    "pack/PulumiPolicy.yaml": (
        "runtime: {name: python, options: {virtualenv: ../.venv}}\nversion: 0.0.1\n"
    ),
    "pack/__main__.py": """
import pulumi
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def not_rude(args, report):
    if args.props.get("text") == "rude":
        region = pulumi.Config("sidero-airgap").get("region")
        report(f"rude in stack {pulumi.get_stack()}, region {region}")


PolicyPack(
    "manners",
    [ResourceValidationPolicy("not-rude", "No rude notes.", not_rude, EnforcementLevel.MANDATORY)],
)
""",
}
