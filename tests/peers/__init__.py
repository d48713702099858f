"""Real peers for the tests: Asterisk, sipp, browsers, and the gateway as a process of its own.

Each is a context manager that chooses free ports on loopback, waits until the peer is ready,
and ends it whatever the test does. tests/conftest.py makes fixtures of them.
"""
