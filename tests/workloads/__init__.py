"""The images that manifests name."""
