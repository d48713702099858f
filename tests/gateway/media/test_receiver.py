"""All sockets read once a tick: each gets its turn, and any may go while they are read."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from gateway.media.receiver import PASSES, Receiver


class Inbox:
    """A socket of the receiver's, and what it has read of it."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self.read: list[bytes] = []
        self.descriptor = self.sock.fileno()
        receiver.add(self.descriptor, self.take)

    def take(self) -> None:
        self.read.append(self.sock.recv(100))

    def send(self, *datagrams: bytes) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            for datagram in datagrams:
                far.sendto(datagram, self.sock.getsockname())

    def close(self) -> None:
        self.receiver.remove(self.descriptor)
        self.sock.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def inboxes(receiver: Receiver) -> Iterator[list[Inbox]]:
    made = [Inbox(receiver) for _ in range(4)]
    yield made
    for inbox in made:
        inbox.close()


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


def test_all_that_has_come_is_read_in_order(receiver: Receiver, inboxes: list[Inbox]) -> None:
    for inbox in inboxes:
        inbox.send(*numbered(3))
    receiver.drain()
    assert [inbox.read for inbox in inboxes] == [numbered(3)] * 4


def test_nothing_to_read_is_soon_done(receiver: Receiver, inboxes: list[Inbox]) -> None:
    receiver.drain()
    assert not any(inbox.read for inbox in inboxes)


def test_a_receiver_without_sockets_can_be_drained(receiver: Receiver) -> None:
    receiver.drain()


def test_a_flood_does_not_starve_the_others(receiver: Receiver, inboxes: list[Inbox]) -> None:
    flooded, *others = inboxes
    flooded.send(*numbered(10 * PASSES))
    for inbox in others:
        inbox.send(*numbered(PASSES))
    receiver.drain()
    assert len(flooded.read) == PASSES
    assert [inbox.read for inbox in others] == [numbered(PASSES)] * 3


def test_a_flood_is_read_to_its_end_over_ticks(receiver: Receiver, inboxes: list[Inbox]) -> None:
    inboxes[0].send(*numbered(3 * PASSES))
    for _ in range(3):
        receiver.drain()
    assert inboxes[0].read == numbered(3 * PASSES)


def test_a_socket_may_go_while_all_are_read(receiver: Receiver, inboxes: list[Inbox]) -> None:
    """A packet may end a call, its own or another: what waits for that is nobody's."""
    for inbox in inboxes:
        inbox.send(*numbered(3))

    def end_all() -> None:
        for inbox in inboxes:
            inbox.close()

    for inbox in inboxes:
        inbox.take = end_all  # type: ignore[method-assign]
        receiver.remove(inbox.descriptor)
        receiver.add(inbox.descriptor, inbox.take)
    receiver.drain()
    assert not any(inbox.read for inbox in inboxes)


def test_a_socket_may_come_while_all_are_read(receiver: Receiver, inboxes: list[Inbox]) -> None:
    late: list[Inbox] = []

    def begin() -> None:
        inboxes[0].take()
        late.append(Inbox(receiver))
        late[0].send(b"hello")

    receiver.remove(inboxes[0].descriptor)
    receiver.add(inboxes[0].descriptor, begin)
    inboxes[0].send(b"begin")
    receiver.drain()
    receiver.drain()
    assert late[0].read == [b"hello"]
    late[0].close()


def test_what_is_not_read_any_more_can_be_removed_again(
    receiver: Receiver, inboxes: list[Inbox]
) -> None:
    inbox = inboxes[0]
    receiver.remove(inbox.descriptor)
    receiver.remove(inbox.descriptor)
    inbox.send(b"late")
    receiver.drain()
    assert inbox.read == []


def test_a_descriptor_that_the_system_gives_again_is_the_new_sockets(receiver: Receiver) -> None:
    first = Inbox(receiver)
    number = first.descriptor
    first.close()
    second = Inbox(receiver)
    assert second.descriptor == number
    second.send(b"hello")
    receiver.drain()
    assert (first.read, second.read) == ([], [b"hello"])
    second.close()
