from __future__ import annotations

import pytest

from sdp import (
    Codec,
    Direction,
    RtpAddress,
    SdpError,
    TrunkPolicy,
    make_trunk_offer,
    offer_to_trunk,
    parse,
    read_browser_offer,
    render,
)
from sdp.attributes import direction
from sdp.codecs import read_codecs
from sdp.trunk import TRUNK_CODECS
from tests.sdp.descriptions import (
    ADDRESS,
    BROWSER_OFFER,
    BROWSER_OFFERS,
    changed,
    facts,
    load,
    text_of,
)


def lines_for(
    name: str, policy: TrunkPolicy | None = None, address: RtpAddress = ADDRESS
) -> list[str]:
    offer = offer_to_trunk(
        read_browser_offer(load(name)),
        policy=policy or TrunkPolicy(),
        address=address,
        session_id=5,
        version=1,
    )
    return render(offer).split("\r\n")


@pytest.mark.parametrize(
    ("name", "events"),
    # Chromium says nothing of events, Firefox says 0-15: the same (RFC 4733 section 2.4)
    [("chrome-156-audio-video", "0-15"), ("firefox-153-audio-video", "0-15")],
)
def test_the_whole_offer(name: str, events: str) -> None:
    assert lines_for(name) == [
        "v=0",
        "o=- 5 1 IN IP4 198.51.100.7",
        "s=-",
        "c=IN IP4 198.51.100.7",
        "t=0 0",
        "m=audio 40000 RTP/AVP 0 8 101",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        f"a=fmtp:101 {events}",
        "a=ptime:20",
        "a=sendrecv",
        "",
    ]


@pytest.mark.parametrize(
    ("policy", "line"),
    [
        (TrunkPolicy(("PCMA", "PCMU")), "m=audio 40000 RTP/AVP 8 0 101"),
        (TrunkPolicy(("G722",)), "m=audio 40000 RTP/AVP 9 101"),
        (TrunkPolicy(("opus", "PCMU")), "m=audio 40000 RTP/AVP 107 0 101 103"),
        (TrunkPolicy(("L16", "opus")), "m=audio 40000 RTP/AVP 118 107 101 102 103"),
        (TrunkPolicy(telephone_event=False), "m=audio 40000 RTP/AVP 0 8"),
    ],
)
def test_policy_says_which_codecs_in_which_order(policy: TrunkPolicy, line: str) -> None:
    assert line in lines_for("chrome-156-audio", policy)


def test_each_clock_rate_has_events_of_its_own() -> None:
    lines = lines_for("chrome-156-audio", TrunkPolicy(("opus", "L16", "G722")))
    assert [each for each in lines if each.startswith(("a=rtpmap", "a=fmtp"))] == [
        "a=rtpmap:107 opus/48000/2",
        "a=fmtp:107 useinbandfec=1",
        "a=rtpmap:118 L16/16000",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=rtpmap:102 telephone-event/16000",
        "a=fmtp:102 0-15",
        "a=rtpmap:103 telephone-event/48000",
        "a=fmtp:103 0-15",
    ]


def test_no_two_formats_share_a_number() -> None:
    offer = make_trunk_offer(
        policy=TrunkPolicy(tuple(TRUNK_CODECS)), address=ADDRESS, session_id=5, version=1
    )
    formats = offer.media[0].formats
    assert len(set(formats)) == len(formats) == len(TRUNK_CODECS) + 3


def test_policy_says_how_long_packets_are() -> None:
    assert "a=ptime:30" in lines_for("chrome-156-audio", TrunkPolicy(ptime=30))


@pytest.mark.parametrize("codecs", [(), ("G729",), ("PCMU", "pcma")])
def test_a_policy_names_codecs_that_exist(codecs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="PCMU, PCMA, G722, opus, L16"):
        TrunkPolicy(codecs)


@pytest.mark.parametrize(
    ("policy", "formats"),
    [(TrunkPolicy(), ("0", "8", "101")), (TrunkPolicy(telephone_event=False), ("0", "8"))],
)
def test_events_are_offered_by_policy_whatever_the_browser_did(
    policy: TrunkPolicy, formats: tuple[str, ...]
) -> None:
    offer = changed(BROWSER_OFFER, "a=rtpmap:126 telephone-event/8000\n", "")
    ours = offer_to_trunk(
        read_browser_offer(offer), policy=policy, address=ADDRESS, session_id=5, version=1
    )
    assert ours.media[0].formats == formats


@pytest.mark.parametrize(
    ("said", "offered"),
    [("0-11,16", "0-11,16"), ("events=0-15", "0-15"), ("x-browser 99", "0-15")],
)
def test_only_a_list_of_events_passes(said: str, offered: str) -> None:
    offer = parse(f"{BROWSER_OFFER}a=fmtp:126 {said}\n")
    ours = offer_to_trunk(
        read_browser_offer(offer), policy=TrunkPolicy(), address=ADDRESS, session_id=5, version=1
    )
    assert f"a=fmtp:101 {offered}\r\n" in render(ours)


@pytest.mark.parametrize("way", Direction)
def test_the_direction_passes(way: Direction) -> None:
    offer = changed(BROWSER_OFFER, "a=rtcp-mux", f"a=rtcp-mux\na={way}")
    ours = offer_to_trunk(
        read_browser_offer(offer), policy=TrunkPolicy(), address=ADDRESS, session_id=5, version=1
    )
    assert render(ours).endswith(f"a={way}\r\n")


@pytest.mark.parametrize(
    ("rtcp_port", "line"), [(None, None), (40001, None), (40010, "a=rtcp:40010")]
)
def test_the_rtcp_port_is_said_where_it_is_not_the_next(
    rtcp_port: int | None, line: str | None
) -> None:
    lines = lines_for("chrome-156-audio", address=RtpAddress("198.51.100.7", 40000, rtcp_port))
    assert [each for each in lines if each.startswith("a=rtcp")] == ([line] if line else [])


def test_ipv6() -> None:
    lines = lines_for("chrome-156-audio", address=RtpAddress("2001:db8::7", 40000))
    assert lines[1] == "o=- 5 1 IN IP6 2001:db8::7"
    assert lines[3] == "c=IN IP6 2001:db8::7"


def test_our_address_is_an_address() -> None:
    with pytest.raises(SdpError) as raised:
        lines_for("chrome-156-audio", address=RtpAddress("gateway.example", 40000))
    assert facts(raised.value) == (None, "RFC 8866 section 5.7")


@pytest.mark.parametrize("name", BROWSER_OFFERS)
def test_nothing_of_the_browser_leaks(name: str) -> None:
    """Only words that the trunk's offer has anyway may stand in both descriptions."""
    ours = make_trunk_offer(policy=TrunkPolicy(), address=ADDRESS, session_id=5, version=1)
    rewritten = "\r\n".join(lines_for(name))
    if "recvonly" not in name:
        assert rewritten == render(ours)
    private = {
        word
        for line in text_of(name).splitlines()
        if line.startswith(("a=candidate", "a=ice-", "a=fingerprint", "a=ssrc", "a=msid", "o="))
        for word in line.partition(":")[2].split() or line.split()
        if len(word) > 3
    }
    assert not {word for word in private if word in rewritten}
    for attribute in ("ice", "candidate", "fingerprint", "setup", "ssrc", "msid", "cname"):
        assert f"a={attribute}" not in rewritten
    for attribute in ("mid", "group", "extmap", "rtcp-mux", "rtcp-fb", "rtcp-rsize", "rtcp-xr"):
        assert f"a={attribute}" not in rewritten


def test_unknown_attributes_of_the_browser_do_not_pass() -> None:
    offer = parse(
        BROWSER_OFFER.replace("t=0 0\n", "i=my page\nt=0 0\na=x-browser:Netscape\n")
        + "b=AS:64\na=x-user:somebody\n"
    )
    ours = offer_to_trunk(
        read_browser_offer(offer), policy=TrunkPolicy(), address=ADDRESS, session_id=5, version=1
    )
    assert ours == make_trunk_offer(policy=TrunkPolicy(), address=ADDRESS, session_id=5, version=1)


def test_an_offer_without_a_browsers_behind_it() -> None:
    ours = make_trunk_offer(
        policy=TrunkPolicy(("PCMU",)),
        address=ADDRESS,
        session_id=5,
        version=2,
        direction=Direction.INACTIVE,
        events=None,
    )
    assert render(ours).split("\r\n")[5:] == [
        "m=audio 40000 RTP/AVP 0",
        "a=rtpmap:0 PCMU/8000",
        "a=ptime:20",
        "a=inactive",
        "",
    ]
    assert ours.origin.version == 2


FIRST = (
    "v=0\no=- 5 2 IN IP4 198.51.100.7\ns=-\nc=IN IP4 198.51.100.7\nt=0 0\n"
    "m=image 0 udptl t38\nm=audio 40000 RTP/AVPF 97 118 107\na=rtpmap:97 opus/48000/2\n"
    "a=rtpmap:118 telephone-event/8000\na=rtpmap:107 PCMA/8000\na=recvonly\nm=video 0 RTP/AVP 96\n"
)


def test_a_fresh_offer_in_mid_call_keeps_places_and_numbers() -> None:
    """118 and 107 mean something else in this dialog than they do by default."""
    fresh = make_trunk_offer(
        policy=TrunkPolicy(("L16", "PCMU", "opus", "PCMA")),
        address=ADDRESS,
        session_id=5,
        version=3,
        current=Codec(97, "opus", 48000, 2),
        after=parse(FIRST),
    )
    assert [(each.kind, each.port) for each in fresh.media] == [
        ("image", 0),
        ("audio", 40000),
        ("video", 0),
    ]
    audio = fresh.media[1]
    assert audio.protocol == "RTP/AVPF"
    assert [(each.payload_type, each.name, each.clock_rate) for each in read_codecs(audio)] == [
        (97, "opus", 48000),
        (96, "L16", 16000),
        (0, "PCMU", 8000),
        (107, "PCMA", 8000),
        (118, "telephone-event", 8000),
        (102, "telephone-event", 16000),
        (103, "telephone-event", 48000),
    ]
    assert fresh.origin.version == 3
    assert direction(audio, fresh) is Direction.SENDRECV


def test_a_fresh_offer_after_our_own_is_ours() -> None:
    ours = make_trunk_offer(policy=TrunkPolicy(), address=ADDRESS, session_id=5, version=1)
    again = make_trunk_offer(
        policy=TrunkPolicy(), address=ADDRESS, session_id=5, version=1, after=ours
    )
    assert again == ours


def test_a_fresh_offer_follows_one_that_has_audio() -> None:
    with pytest.raises(ValueError, match="audio"):
        make_trunk_offer(
            policy=TrunkPolicy(),
            address=ADDRESS,
            session_id=5,
            version=3,
            after=parse(FIRST.replace("audio 40000", "audio 0")),
        )
