"""Tests of what runs in CI."""
