"""Hosts that are the public's, and of no site: registries and where factories are by default.

A guard against a slip, and no list of the internet: what holds is that only the site's own hosts
are named anywhere.
"""

from __future__ import annotations

__all__ = ["is_public"]

_DOMAINS = (
    # Talos, and what it is made of
    "ghcr.io",
    "github.com",
    "githubusercontent.com",
    "siderolabs.com",
    "talos.dev",
    # where images come from
    "cgr.dev",
    "docker.com",
    "docker.io",
    "gcr.io",
    "k8s.io",
    "lscr.io",
    "mcr.microsoft.com",
    "nvcr.io",
    "pkg.dev",
    "public.ecr.aws",
    "quay.io",
    "registry.access.redhat.com",
    "registry.fedoraproject.org",
    "registry.gitlab.com",
    "registry.redhat.io",
    "registry.suse.com",
    "xpkg.upbound.io",
    # what signatures are checked by
    "sigstore.dev",
)


def is_public(host: str) -> bool:
    """Tell whether a `host[:port]` is one of these, or below one."""
    name = host.partition(":")[0].rstrip(".").lower()
    return any(name == domain or name.endswith(f".{domain}") for domain in _DOMAINS)
