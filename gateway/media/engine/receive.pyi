import socket

def tell_arrivals(sock: socket.socket) -> None: ...

class Inbox:
    kernel_time: bool
    def __init__(self) -> None: ...
