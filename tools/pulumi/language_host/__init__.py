"""Pulumi's Python language plugin for an engine that was built without one.

Speaks the engine's `pulumirpc.LanguageRuntime` service (CLI 3.250): runs the program, and policy
packs, in the project's virtual environment. It writes no state and decides nothing about resources.
An officially installed Pulumi brings its own language plugin and uses none of this.
"""
