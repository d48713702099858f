"""A caller without a browser: what a page does, over the same WebSocket, ICE, DTLS and Opus.

For `gateway call`: to try a gateway from a terminal, to test it, to watch it.
"""
