"""What images and hosts workloads name: in Kubernetes manifests, in Talos machine configuration.

Pure: from text to references, hosts and where they stand. Nothing is rendered here; charts and
kustomizations come as their output.
"""

from airgap.workloads.fields import Field, parse_path
from airgap.workloads.scan import ARROW, Scan, scan

__all__ = ["ARROW", "Field", "Scan", "parse_path", "scan"]
