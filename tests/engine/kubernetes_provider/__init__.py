"""A stand-in for pulumi-kubernetes' provider plugin (4.34.2), with a directory for a cluster.

It speaks the engine's ResourceProvider protocol, and does to JSON files what the real one does to
objects by server-side apply: an object that exists already is not created over, patch resources
(`…Patch`) merge into one that must exist, Secrets and ConfigMaps are replaced rather than changed
unless the provider is told otherwise, name and namespace replace. Not there: schemas, conflicts
between field managers, waiting for readiness, Helm and YAML components.
"""
