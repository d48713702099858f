"""The browser's side of the gateway: the WebSocket protocol and the pages around it."""
