"""Tests of `airgap.receipt`."""
