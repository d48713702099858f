"""A load generator: many real calls through a gateway, and what became of their packets.

Each call has a WebSocket, ICE and DTLS of its own, and a SIP leg that is answered here. Then
packets that were encoded beforehand leave on time, in one loop of plain system calls: the generator
must cost a fraction of what it measures.
"""
