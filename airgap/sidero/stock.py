"""What Sidero Metal v0.6.13 keeps of its own objects, field by field.

Group `metal.sidero.dev`, versions v1alpha1 and v1alpha2: Environment, ServerClass, Server. What a
schema does not name, the API server drops without a word (or refuses, when asked to be strict).
"""

from __future__ import annotations

from collections.abc import Mapping

from airgap.sidero.schema import ANYTHING, FLAG, TEXT, Schema, number, record, sequence, table

__all__ = ["ENVIRONMENT", "ENVIRONMENT_STATUS", "SERVER_CLASS", "STOCK", "Kind", "object_schema"]

Kind = tuple[str, str]
"""Version and kind, such as (v1alpha2, Environment)."""

_INT = number(32)


def _texts(*names: str) -> dict[str, Schema]:
    return dict.fromkeys(names, TEXT)


# Shared

_REFERENCE = record(
    _texts("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"),
    atomic=True,
)
_CONFIG_PATCHES = sequence(
    record({"op": TEXT, "path": TEXT, "value": ANYTHING}, required=["op", "path"])
)
_BOARD = _texts("family", "manufacturer", "productName", "serialNumber", "skuNumber", "version")
_OLD_CPU = record(_texts("manufacturer", "version"))

# Environment, the same in both versions

ENVIRONMENT: Mapping[str, Schema] = {
    "kernel": record({"url": TEXT, "sha512": TEXT, "args": sequence(TEXT)}),
    "initrd": record({"url": TEXT, "sha512": TEXT}),
}
ENVIRONMENT_STATUS = record(
    {
        "conditions": sequence(
            record(_texts("url", "sha512", "status", "type"), required=["status", "type"])
        )
    }
)

# Hardware, as a Server reports it and a ServerClass asks for it (v1alpha2)

_PART = _texts("manufacturer", "productName", "serialNumber")
_PROCESSOR = record({**_PART, **dict.fromkeys(("speed", "coreCount", "threadCount"), _INT)})
_MODULE = record({**_PART, "type": TEXT, "size": _INT, "speed": _INT})
_DEVICE = record(
    {
        **_texts("deviceName", "name", "productName", "serialNumber", "type", "uuid", "wwid"),
        "size": number(64),
    }
)
_INTERFACE = record(
    {**_texts("name", "flags", "mac"), "index": _INT, "mtu": _INT, "addresses": sequence(TEXT)}
)
_HARDWARE = record(
    {
        "system": record({**_BOARD, "uuid": TEXT}),
        "compute": record(
            {
                **dict.fromkeys(("totalCoreCount", "totalThreadCount", "processorCount"), _INT),
                "processors": sequence(_PROCESSOR),
            }
        ),
        "memory": record({"totalSize": TEXT, "moduleCount": _INT, "modules": sequence(_MODULE)}),
        "storage": record({"totalSize": TEXT, "deviceCount": _INT, "devices": sequence(_DEVICE)}),
        "network": record({"interfaceCount": _INT, "interfaces": sequence(_INTERFACE)}),
    }
)

# ServerClass

_SELECTOR = record(
    {
        "matchLabels": table(TEXT),
        "matchExpressions": sequence(
            record(
                {"key": TEXT, "operator": TEXT, "values": sequence(TEXT, atomic=True)},
                required=["key", "operator"],
            ),
            atomic=True,
        ),
    },
    atomic=True,
)
_LABELS = sequence(table(TEXT))
_ANY_CLASS: Mapping[str, Schema] = {
    "environmentRef": _REFERENCE,
    "selector": _SELECTOR,
    "configPatches": _CONFIG_PATCHES,
    "bootFromDiskMethod": TEXT,
}
_OLD_CLASS: Mapping[str, Schema] = {
    **_ANY_CLASS,
    "qualifiers": record(
        {
            "cpu": sequence(_OLD_CPU),
            "systemInformation": sequence(record(_BOARD)),
            "labelSelectors": _LABELS,
        }
    ),
}
SERVER_CLASS: Mapping[str, Schema] = {
    **_ANY_CLASS,
    "qualifiers": record({"hardware": sequence(_HARDWARE), "labelSelectors": _LABELS}),
    "strategicPatches": sequence(TEXT),
}
_CLASS_STATUS = record(
    {"serversAvailable": sequence(TEXT), "serversInUse": sequence(TEXT)},
    required=["serversAvailable", "serversInUse"],
)

# Server

_SECRET_KEY = record(_texts("namespace", "name", "key"), required=["namespace", "name", "key"])
_FROM = record({"secretKeyRef": _SECRET_KEY})
_BMC = record(
    {
        **_texts("endpoint", "interface", "user", "pass"),
        "port": _INT,
        "userFrom": _FROM,
        "passFrom": _FROM,
    },
    required=["endpoint"],
)
_ANY_SERVER: Mapping[str, Schema] = {
    "environmentRef": _REFERENCE,
    "bmc": _BMC,
    "managementApi": record({"endpoint": TEXT}, required=["endpoint"]),
    "configPatches": _CONFIG_PATCHES,
    **_texts("hostname", "bootFromDiskMethod", "pxeMode"),
    **dict.fromkeys(("accepted", "cordoned", "pxeBootAlways"), FLAG),
}
_OLD_SERVER: Mapping[str, Schema] = {**_ANY_SERVER, "cpu": _OLD_CPU, "system": record(_BOARD)}
_SERVER: Mapping[str, Schema] = {
    **_ANY_SERVER,
    "hardware": _HARDWARE,
    "strategicPatches": sequence(TEXT),
}


def _bounded(most: int, *, least: int = 0) -> Schema:
    return {**TEXT, "maxLength": most} | ({"minLength": least} if least else {})


_SERVER_STATUS = record(
    {
        "addresses": sequence(record(_texts("address", "type"), required=["address", "type"])),
        "conditions": sequence(
            record(
                {
                    "lastTransitionTime": {**TEXT, "format": "date-time"},
                    "message": _bounded(10240, least=1),
                    "reason": _bounded(256, least=1),
                    "severity": _bounded(32),
                    "status": TEXT,
                    "type": _bounded(256, least=1),
                },
                required=["lastTransitionTime", "status", "type"],
            )
        ),
        **dict.fromkeys(("inUse", "isClean", "ready"), FLAG),
        "power": TEXT,
    }
)


def object_schema(
    spec: Mapping[str, Schema], status: Schema, *, required: tuple[str, ...] = ()
) -> Schema:
    """Return the schema of a whole object."""
    return record(
        {
            "apiVersion": TEXT,
            "kind": TEXT,
            "metadata": record({}),
            "spec": record(spec, required=required),
            "status": status,
        }
    )


STOCK: Mapping[Kind, Schema] = {
    ("v1alpha1", "Environment"): object_schema(ENVIRONMENT, ENVIRONMENT_STATUS),
    ("v1alpha2", "Environment"): object_schema(ENVIRONMENT, ENVIRONMENT_STATUS),
    ("v1alpha1", "ServerClass"): object_schema(_OLD_CLASS, _CLASS_STATUS),
    ("v1alpha2", "ServerClass"): object_schema(SERVER_CLASS, _CLASS_STATUS),
    ("v1alpha1", "Server"): object_schema(_OLD_SERVER, _SERVER_STATUS, required=("accepted",)),
    ("v1alpha2", "Server"): object_schema(_SERVER, _SERVER_STATUS, required=("accepted",)),
}
