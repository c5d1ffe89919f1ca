"""Tests of the simulators: each behaves as its peer does, as the facts name it."""
