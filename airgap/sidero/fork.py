"""What the plan document's fork of Sidero adds to an Environment: `bootAsset` and `airGap`.

Nothing of it exists in upstream's CRDs. The same in both versions, as the fields beside them are.
"""

from __future__ import annotations

from collections.abc import Mapping

from airgap.sidero.schema import FLAG, TEXT, Schema, record, sequence, table
from airgap.sidero.stock import ENVIRONMENT, ENVIRONMENT_STATUS, STOCK, Kind, object_schema

__all__ = ["FORK"]

_MIRROR = record(
    {
        "endpoints": sequence(TEXT),
        "overridePath": FLAG,
        "skipVerify": FLAG,
        "caCert": TEXT,
        "authSecretRef": TEXT,
    },
    required=["endpoints"],
)
_FACTORY = record({"endpoint": TEXT, "registry": TEXT, "insecureSkipVerify": FLAG})
_AIR_GAP = record(
    {
        "enabled": FLAG,
        "registryMirrors": table(_MIRROR),
        "imageCacheURL": TEXT,
        "localImageFactory": _FACTORY,
        "assetMirror": TEXT,
    }
)
_BOOT_ASSET = record({"url": TEXT, "sha512": TEXT}, required=["url"])
_ENVIRONMENT = object_schema(
    {**ENVIRONMENT, "bootAsset": _BOOT_ASSET, "airGap": _AIR_GAP}, ENVIRONMENT_STATUS
)

FORK: Mapping[Kind, Schema] = {
    **STOCK,
    ("v1alpha1", "Environment"): _ENVIRONMENT,
    ("v1alpha2", "Environment"): _ENVIRONMENT,
}
