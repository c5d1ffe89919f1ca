"""The ResourceProvider service, as the engine calls it (order: facts of pulumi-kubernetes 4.34)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import tools.pulumi.language_host.protocol  # noqa: F401  # first: makes `pulumi` cheap to import

# isort: split

import grpc
import yaml
from google.protobuf import json_format, struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import plugin_pb2, provider_pb2

from tests.engine.kubernetes_provider.cluster import Cluster, ClusterError, Identity
from tests.engine.kubernetes_provider.properties import (
    SECRET,
    SIGNATURE,
    differences,
    mark_secrets,
    merge,
    reveal,
    select,
    without,
)

__all__ = ["VERSION", "KubernetesProvider"]

VERSION = "4.34.2"

Properties = dict[str, Any]  # what the engine sends and stores: JSON with marked secrets

IDENTITY = re.compile(r"(apiVersion|kind|metadata\.(name|namespace))$")
CONTENT = re.compile(r"(data|binaryData|stringData|immutable|type)\b")
MUTABLE_SWITCH = {"Secret": "enableSecretMutable", "ConfigMap": "enableConfigMapMutable"}


class KubernetesProvider:
    """One configured provider: one cluster."""

    def __init__(self) -> None:
        self._settings: Properties = {}
        self._cluster = Cluster(Path("/nonexistent"))

    def handler(self) -> grpc.GenericRpcHandler:
        """Return the table of the methods that are answered; the others are UNIMPLEMENTED."""
        p = provider_pb2
        methods = (
            ("Handshake", self.shake_hands, p.ProviderHandshakeRequest),
            ("GetPluginInfo", self.describe, None),
            ("CheckConfig", self.check_config, p.CheckRequest),
            ("DiffConfig", self.diff_config, p.DiffRequest),
            ("Configure", self.configure, p.ConfigureRequest),
            ("Check", self.check, p.CheckRequest),
            ("Diff", self.diff, p.DiffRequest),
            ("Create", self.create, p.CreateRequest),
            ("Read", self.read, p.ReadRequest),
            ("Update", self.update, p.UpdateRequest),
            ("Delete", self.delete, p.DeleteRequest),
            ("Cancel", self.cancel, None),
        )
        return grpc.method_handlers_generic_handler(
            "pulumirpc.ResourceProvider",
            {
                name: grpc.unary_unary_rpc_method_handler(
                    _refusing(method), request and request.FromString, _serialize
                )
                for name, method, request in methods
            },
        )

    def shake_hands(self, _request: object) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, accept_resources=True, accept_outputs=False
        )

    def describe(self, _request: object) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def cancel(self, _request: object) -> bytes:
        return b""

    def check_config(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
        return provider_pb2.CheckResponse(inputs=request.news)

    def diff_config(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
        """Replace for another `clusterIdentifier`, or without one for another server."""
        old, new = reveal(_load(request.old_inputs)), reveal(_load(request.news))
        before, after = (
            settings.get("clusterIdentifier") or _server(settings.get("kubeconfig"))
            for settings in (old, new)
        )
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        return provider_pb2.DiffResponse(
            changes=_tell_changes(changed),
            diffs=changed,
            replaces=["kubeconfig"] if changed and before != after else [],
        )

    def configure(self, request: provider_pb2.ConfigureRequest) -> provider_pb2.ConfigureResponse:
        self._settings = reveal(_load(request.args))
        self._cluster = Cluster(Path(_server(self._settings.get("kubeconfig")) or "/nonexistent"))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True
        )

    def check(self, request: provider_pb2.CheckRequest) -> provider_pb2.CheckResponse:
        """Fill in the provider's namespace, and a name: the old one, or one made of the seed."""
        news, olds = _load(request.news), _load(request.olds)
        metadata = news.setdefault("metadata", {})
        if self._settings.get("namespace"):
            metadata.setdefault("namespace", self._settings["namespace"])
        if "name" not in metadata:
            made = f"{request.name}-{request.randomSeed.hex()[:8]}"
            metadata["name"] = olds.get("metadata", {}).get("name", made)
        return provider_pb2.CheckResponse(inputs=_dump(news))

    def diff(self, request: provider_pb2.DiffRequest) -> provider_pb2.DiffResponse:
        """Compare the inputs, leaf by leaf."""
        old, new = reveal(_load(request.old_inputs)), reveal(_load(request.news))
        found = dict(differences(old, new))
        replaces = [path for path in found if self._is_replaced(new["kind"], path)]
        kinds = provider_pb2.PropertyDiff.Kind
        return provider_pb2.DiffResponse(
            changes=_tell_changes(found),
            diffs=sorted({re.split(r"[.\[]", path)[0] for path in found}),
            replaces=replaces,
            # The new object could not be created beside the old one of the same name.
            deleteBeforeReplace=bool(replaces) and _same_object(old, new),
            detailedDiff={
                path: provider_pb2.PropertyDiff(
                    kind=kinds.Value(f"{kind}_REPLACE" if path in replaces else kind),
                    inputDiff=True,
                )
                for path, kind in found.items()
            },
            hasDetailedDiff=True,
        )

    def create(self, request: provider_pb2.CreateRequest) -> provider_pb2.CreateResponse:
        inputs = _load(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        manifest = reveal(inputs)
        identity = Identity.of(manifest)
        existing = self._cluster.get(identity)
        if _is_patch(request.type):
            if existing is None:
                raise ClusterError(f"{identity} not found: a patch needs an object to patch")
        elif existing is not None and not self._settings.get("upsertExistingObjects"):
            raise ClusterError(f"{identity} already exists")
        stored = self._cluster.put(merge(existing or {}, manifest))
        return provider_pb2.CreateResponse(id=identity.id, properties=_outputs(stored, inputs))

    def update(self, request: provider_pb2.UpdateRequest) -> provider_pb2.UpdateResponse:
        """Apply the new fields, and remove those that were applied before and are no longer."""
        inputs = _load(request.news)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        manifest, before = reveal(inputs), reveal(_load(request.old_inputs))
        rest = without(self._cluster.get(Identity.of(manifest)) or {}, before) or {}
        stored = self._cluster.put(merge(rest, manifest))
        return provider_pb2.UpdateResponse(properties=_outputs(stored, inputs))

    def read(self, request: provider_pb2.ReadRequest) -> provider_pb2.ReadResponse:
        """Return the live object as outputs, and as inputs what of it was applied by us."""
        inputs = _load(request.inputs)
        known = reveal(inputs) or _identify(request.type, request.id)
        live = self._cluster.get(Identity.of(known))
        if live is None:
            return provider_pb2.ReadResponse()
        applied = select(live, known) if inputs else live
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=_outputs(live, inputs),
            inputs=_dump(mark_secrets(applied, inputs)),
        )

    def delete(self, request: provider_pb2.DeleteRequest) -> bytes:
        """Delete the object; of a patch, only the fields that it applied."""
        applied = reveal(_load(request.old_inputs))
        identity = Identity.of(applied)
        live = self._cluster.get(identity)
        if _is_patch(request.type) and live is not None:
            own = without(applied, _identify(request.type, request.id))
            self._cluster.put(without(live, own))
        else:
            self._cluster.delete(identity)
        return b""

    def _is_replaced(self, kind: str, path: str) -> bool:
        if IDENTITY.match(path):
            return True
        switch = MUTABLE_SWITCH.get(kind)
        immutable = switch is not None and self._settings.get(switch) not in (True, "true")
        return immutable and CONTENT.match(path) is not None


def _refusing(method: Any) -> Any:
    """Let the cluster's refusals reach the user as the call's status, without a traceback."""

    def call(request: object, context: grpc.ServicerContext) -> object:
        try:
            return method(request)
        except ClusterError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise

    return call


def _serialize(message: Any) -> bytes:
    if isinstance(message, bytes):
        return message
    serialized: bytes = message.SerializeToString()
    return serialized


def _load(struct: object) -> Properties:
    loaded: Properties = json_format.MessageToDict(struct)
    return loaded


def _dump(properties: Mapping[str, Any]) -> Any:
    struct = struct_pb2.Struct()
    json_format.ParseDict(properties, struct)
    return struct


def _outputs(stored: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """Return a live object as outputs. A Secret's data are secret, wherever they came from."""
    marked = mark_secrets(stored, inputs)
    if stored["kind"] == "Secret" and "data" in stored:
        marked["data"] = mark_secrets(stored["data"], {SIGNATURE: SECRET})
    return _dump(marked)


def _server(kubeconfig: str | None) -> str | None:
    """Return the directory that the kubeconfig's current context leads to."""
    if not kubeconfig:
        return None
    text = kubeconfig if "\n" in kubeconfig or "{" in kubeconfig else Path(kubeconfig).read_text()
    document = yaml.safe_load(text)
    context = _named(document, "context", document["current-context"])
    server: str = _named(document, "cluster", context["cluster"])["server"]
    return urlsplit(server).path


def _named(document: Any, section: str, name: str) -> Any:
    return next(item[section] for item in document[f"{section}s"] if item["name"] == name)


def _tell_changes(found: Any) -> Any:
    response = provider_pb2.DiffResponse
    return response.DIFF_SOME if found else response.DIFF_NONE


def _same_object(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return Identity.of(old) == Identity.of(new)


def _is_patch(type_token: str) -> bool:
    return type_token.endswith("Patch")


def _identify(type_token: str, resource_id: str) -> Properties:
    """Return what `import` knows of an object: `kubernetes:<group/version>:<kind>` and its ID."""
    _, api_version, kind = type_token.split(":")
    namespace, _, name = resource_id.rpartition("/")
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": api_version.removeprefix("core/"),
        "kind": kind.removesuffix("Patch"),
        "metadata": metadata,
    }
