"""Images in the shape of a pod, wherever it stands, and those that a container names to others.

Lists `containers`, `initContainers`, `ephemeralContainers` and image volumes have the same shape in
every kind that runs pods (core/v1 PodSpec, Kubernetes v1.34), be it a Deployment, a CronJob, a
Knative Service, an Argo Rollout or a kind that nobody here has heard of. Controllers get the images
they start from their arguments and variables: such as cert-manager's
`--acme-http01-solver-image`, `RELATED_IMAGE_…` (OLM), `STRIMZI_KAFKA_IMAGES`; Knative's from a
ConfigMap (`queue-sidecar-image`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sized

from airgap.errors import SiteError
from airgap.oci.reference import parse_reference
from airgap.workloads.places import Budget, Finding, Found, Plain, Problem, at, is_mapping, mappings

__all__ = ["find_in_data", "find_in_pods"]

_CONTAINERS = frozenset({"containers", "initContainers", "ephemeralContainers"})
_FLAG = re.compile(r"--?(?P<name>[A-Za-z0-9][\w.-]*)(?:=(?P<value>.+))?\Z", re.DOTALL)
_FLAGS_OF_IMAGES = frozenset({"prometheus-config-reloader"})  # prometheus-operator
_PARTS = re.compile(r"[\s,]+")
_TOO_DEEP = Problem(
    path="", message="has more values than can be looked at", hint="are there aliases of aliases?"
)


def find_in_pods(value: object) -> Iterator[Finding]:
    """Yield the images of everything below that looks like a pod."""
    yield from _walk(value, "", 0, Budget())


def find_in_data(data: object) -> Iterator[Found]:
    """Yield the images in a ConfigMap's data: values that are one, of keys that say so."""
    for key, text in data.items() if is_mapping(data) else ():
        if _says_image(str(key)) and isinstance(text, str) and _is_complete(text.strip()):
            yield Found(path=at("data", key), name=text.strip())


def _walk(value: object, path: str, depth: int, budget: Budget) -> Iterator[Finding]:
    if not budget.spend(depth, len(value) if isinstance(value, Sized) else 0):
        yield _TOO_DEEP
        return
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                yield from _walk(item, f"{path}[{index}]", depth + 1, budget)
    elif is_mapping(value):
        for key, item in value.items():
            if isinstance(item, dict | list):
                place = at(path, str(key))
                yield from _here(str(key), item, place)
                yield from _walk(item, place, depth + 1, budget)


def _here(key: str, value: object, path: str) -> Iterator[Found]:
    """Yield the images of a list of containers or of volumes."""
    if key in _CONTAINERS:
        for index, container in mappings(value):
            yield from _container(container, f"{path}[{index}]")
    elif key == "volumes":
        for index, volume in mappings(value):
            source = volume.get("image")  # an image volume, Kubernetes 1.31 and newer
            name = source.get("reference") if is_mapping(source) else None
            if isinstance(name, str) and name:
                yield Found(path=f"{path}[{index}].image.reference", name=name)


def _container(container: Plain, path: str) -> Iterator[Found]:
    name = container.get("image")
    if isinstance(name, str) and name:
        yield Found(path=f"{path}.image", name=name)
    for key in ("command", "args"):
        yield from _arguments(container.get(key), f"{path}.{key}")
    for index, variable in mappings(container.get("env")):
        text = variable.get("value")
        if _says_image(str(variable.get("name"))) and isinstance(text, str):
            for part in _PARTS.split(text):
                reference = part.rpartition("=")[2]
                if _is_complete(reference):
                    yield Found(path=f"{path}.env[{index}].value", name=reference)


def _arguments(value: object, path: str) -> Iterator[Found]:
    """Yield the images in `--some-image=reference` and `--some-image reference`."""
    flag = ""
    for index, text in enumerate(value if isinstance(value, list) else ()):
        match = _FLAG.match(text) if isinstance(text, str) else None
        name = match["name"] if match else flag
        reference = match["value"] if match else text
        meant = _says_image(name) or name in _FLAGS_OF_IMAGES
        if meant and isinstance(reference, str) and _is_complete(reference):
            yield Found(path=f"{path}[{index}]", name=reference)
        flag = name if match and match["value"] is None else ""


def _says_image(name: str) -> bool:
    return "image" in name.lower()


def _is_complete(text: str) -> bool:
    """Tell whether a text can only be meant as an image: a path with a tag or a digest."""
    if "/" not in text:
        return False
    try:
        parse_reference(text)
    except SiteError:
        return False
    return True
