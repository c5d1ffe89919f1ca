"""Moving bytes: upstream → store, store → registry and asset mirror; checking and removing them.

Everything here works on plain values and an `airgap.store.Store`; nothing knows of Pulumi.
"""
