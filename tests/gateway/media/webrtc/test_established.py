"""What is kept of DTLS, against OpenSSL at the other end."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

import pytest
from aiortc.rtcdtlstransport import SRTP_PROFILES
from hypothesis import given
from hypothesis import strategies as st
from OpenSSL import SSL

from gateway.media.webrtc.established import CIPHERS, Established, Told
from gateway.media.webrtc.seam import _certificate

ENDS = ["client", "server"]


class End:
    """OpenSSL at one end of a handshake, and what it has sent last."""

    def __init__(self, cipher: str, *, is_server: bool) -> None:
        certificate = _certificate(-1)  # of no day, so that no call in this process has it
        certificate._context = None  # the ciphers of a context are what is changed here
        context = certificate._create_ssl_context(SRTP_PROFILES)
        context.set_cipher_list(cipher.encode())
        self.ssl = SSL.Connection(context)
        self.is_server = is_server
        if is_server:
            self.ssl.set_accept_state()
        else:
            self.ssl.set_connect_state()
        self.last_sent = b""

    def step(self, datagrams: list[bytes]) -> list[bytes]:
        """Take datagrams, and return what is sent then."""
        for datagram in datagrams:
            self.ssl.bio_write(datagram)
        with suppress(SSL.WantReadError):
            self.ssl.do_handshake()
        sent = drain(self.ssl)
        self.last_sent = sent[-1] if sent else self.last_sent
        return sent

    def take_over(self) -> Established:
        return Established.take_over(self.ssl, is_server=self.is_server, last_sent=self.last_sent)


def drain(ssl: SSL.Connection) -> list[bytes]:
    sent = []
    while True:
        try:
            sent.append(ssl.bio_read(1500))
        except SSL.WantReadError:
            return sent


def until_last_flight(cipher: str = next(iter(CIPHERS))) -> tuple[End, End, list[bytes]]:
    """Shake hands; return client, server, and the server's last flight, which is under way."""
    client, server = End(cipher, is_server=False), End(cipher, is_server=True)
    hello = server.step(client.step([]))
    return client, server, server.step(client.step(hello))


def shake_hands(cipher: str = next(iter(CIPHERS))) -> dict[str, End]:
    client, server, last = until_last_flight(cipher)
    assert client.step(last) == []
    return {"client": client, "server": server}


def is_closed(ssl: SSL.Connection) -> bool:
    try:
        ssl.recv(100)
    except SSL.ZeroReturnError:
        return True
    except SSL.WantReadError:
        return False
    raise AssertionError("nobody sends data")


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize(("ours", "theirs"), [ENDS, ENDS[::-1]])
def test_the_far_end_closes(cipher: str, ours: str, theirs: str) -> None:
    ends = shake_hands(cipher)
    established = ends[ours].take_over()
    ends[theirs].ssl.shutdown()
    (alert,) = drain(ends[theirs].ssl)
    assert established.judge(alert) is Told.CLOSED


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize(("ours", "theirs"), [ENDS, ENDS[::-1]])
def test_the_far_end_understands_our_goodbye(cipher: str, ours: str, theirs: str) -> None:
    ends = shake_hands(cipher)
    established = ends[ours].take_over()
    assert not is_closed(ends[theirs].ssl)
    ends[theirs].ssl.bio_write(established.goodbye)
    assert is_closed(ends[theirs].ssl)


def test_who_sends_the_last_flight_can_repeat_it() -> None:
    client, server, lost = until_last_flight()
    established = server.take_over()
    assert [established.last_flight] == lost
    timeout = client.ssl.DTLSv1_get_timeout()
    assert timeout is not None
    time.sleep(timeout + 0.01)  # OpenSSL's own clock says when it repeats
    client.ssl.DTLSv1_handle_timeout()
    told = [established.judge(each) for each in drain(client.ssl)]
    assert told.count(Told.REPEAT) == 1
    client.step([established.last_flight])
    client.ssl.do_handshake()  # is done, and would raise WantReadError before
    assert client.take_over().last_flight == b""


def test_several_records_of_one_datagram_are_read() -> None:
    ends = shake_hands()
    goodbye, server = ends["client"].take_over().goodbye, ends["server"].take_over()
    early = b"\x15\xfe\xfd" + bytes(8) + b"\x00\x02\x02\x28"
    assert server.judge(early + goodbye) is Told.CLOSED
    assert server.judge(goodbye + early[:-1]) is Told.CLOSED
    assert server.judge(early) is Told.NOTHING


def test_what_is_not_the_far_ends_says_nothing() -> None:
    ends, others = shake_hands(), shake_hands()
    server, goodbye = ends["server"].take_over(), ends["client"].take_over().goodbye
    assert server.judge(server.goodbye) is Told.NOTHING
    assert server.judge(others["client"].take_over().goodbye) is Told.NOTHING
    for place in range(len(goodbye)):
        changed = bytearray(goodbye)
        changed[place] ^= 1
        assert server.judge(bytes(changed)) is Told.NOTHING, place
        assert server.judge(goodbye[:place]) is Told.NOTHING, place
    assert server.judge(goodbye) is Told.CLOSED


def test_what_cannot_be_read_is_not_taken_over() -> None:
    ends = shake_hands("ECDHE-ECDSA-AES256-SHA")
    with pytest.raises(ValueError, match="AES256-SHA"):
        ends["server"].take_over()


ENCRYPTED = b"\x00\x01" + bytes(5) + b"\x01"
ONE = Established(b"", b"flight", "ECDHE-ECDSA-AES128-GCM-SHA256", bytes(20))


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.tuples(st.sampled_from([b"\x15", b"\x16"]), st.binary(max_size=60)).map(
                lambda part: (
                    part[0] + b"\xfe\xfd" + ENCRYPTED + len(part[1]).to_bytes(2, "big") + part[1]
                )
            ),
        ),
        max_size=4,
    ).map(b"".join),
    st.sampled_from(list(CIPHERS)),
)
def test_no_datagram_raises(datagram: bytes, cipher: str) -> None:
    parts = CIPHERS[cipher]
    one = replace(ONE, _cipher=cipher, _secret=bytes(parts.key + parts.fixed_nonce))
    assert one.judge(datagram) is Told.NOTHING
