"""Pulumi dynamic resources, one type a module: inputs, provider, resource.

Thin: they read their inputs, ask `airgap` to do the work, and tell the engine. Module and class
names are in users' states (`docs/contract.json`): a provider is pickled by reference, so it has no
attributes, and moving one breaks refresh and destroy of every state that holds it.

What talks is imported where it is used: program and preview only build, check and diff, and each
import at the top would be paid twice in every preview. `preload` imports it, before the first call
that needs it.
"""
