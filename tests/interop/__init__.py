"""Interoperation: test suites that others wrote, run against a real gateway.

A foreign suite sends what its authors have met, and not what we thought of. Its messages name
addresses all over the world, so it runs in a network namespace of its own (`peers.namespace`).
"""
