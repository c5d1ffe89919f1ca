"""Simulators of the peers this project talks to, shared by `make lab` and the tests.

Each behaves as the real peer does, faults included; none of them leaves the loopback interface.
"""
