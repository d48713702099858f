"""The interoperability matrix: what the gateway does, with each of several independent SIP stacks.

A row is a behavior, a column a real peer. Each cell is a story that is told to one gateway, which
has all of the peers as its trunks. `table.json` keeps what has passed.
"""
