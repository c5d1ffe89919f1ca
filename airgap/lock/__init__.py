"""The lock: everything a site needs, resolved to digests, as committed beside its stack file."""
