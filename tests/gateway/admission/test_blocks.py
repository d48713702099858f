from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.blocks import KINDS, Block, Blocks, Stop, normalize
from gateway.admission.grant import EVERYBODY, Grant, Visitor
from gateway.errors import RequestError
from tests.gateway.admission.clock import Clock

VISITOR = Visitor("192.0.2.7", "https://shop.example", "s1")
ALICE = Grant(identity="alice@shop")
NUMBER = "+15551234567"


@pytest.mark.parametrize(
    ("kind", "value", "normal", "holds"),
    [
        ("address", "192.0.2.7", "192.0.2.7", True),
        ("address", "192.0.2.7/32", "192.0.2.7", True),
        ("address", "192.0.2.0/24", "192.0.2.0/24", True),
        ("address", "192.0.2.9/24", "192.0.2.0/24", True),
        ("address", "::ffff:192.0.2.7", "192.0.2.7", True),
        ("address", "::ffff:192.0.2.0/120", "192.0.2.0/24", True),
        ("address", "0.0.0.0/0", "0.0.0.0/0", True),
        ("address", "192.0.2.8", "192.0.2.8", False),
        ("address", "::/0", "::/0", False),
        ("origin", "https://shop.example", "https://shop.example", True),
        ("origin", "HTTPS://Shop.Example:443/", "https://shop.example", True),
        ("origin", "https://shop.example:8443", "https://shop.example:8443", False),
        ("origin", "http://shop.example", "http://shop.example", False),
        ("origin", "null", "null", False),
        ("origin", "http://[2001:DB8::1]:80", "http://[2001:db8::1]", False),
        ("identity", "alice@shop", "alice@shop", True),
        ("identity", "alice*", "alice*", True),
        ("identity", "*", "*", True),
        ("identity", "alice", "alice", False),
        ("identity", "bob*", "bob*", False),
        ("number", NUMBER, NUMBER, True),
        ("number", "+1 (555) 123-4567", NUMBER, True),
        ("number", "+1 555*", "+1555*", True),
        ("number", "+1555123456", "+1555123456", False),
        ("number", "+15551234567*", "+15551234567*", True),
        ("number", "+155512345678*", "+155512345678*", False),
        ("number", "alice", "alice", False),
    ],
)
def test_a_block_holds_until_it_is_removed(kind: str, value: str, normal: str, holds: bool) -> None:
    blocks = Blocks(Clock(1000))
    assert blocks.refused(VISITOR, ALICE, NUMBER) is None
    block = blocks.add(kind, value, "scans", "operator")
    assert block == Block(block.kind, normal, "scans", "operator", 1000)
    assert (blocks.find(VISITOR, ALICE, NUMBER) == block) == holds
    assert (blocks.refused(VISITOR, ALICE, NUMBER) is not None) == holds
    assert blocks.current() == [block]
    assert blocks.remove(kind, value) == block
    assert blocks.remove(kind, value) is None
    assert blocks.find(VISITOR, ALICE, NUMBER) is None
    assert blocks.current() == []


def test_an_ipv6_address_is_blocked_with_its_network() -> None:
    blocks = Blocks(Clock())
    assert blocks.add("address", "2001:db8:1:2::5", "", "").value == "2001:db8:1:2::/64"
    assert blocks.find(replace(VISITOR, address="2001:db8:1:2:ffff::1"))
    assert blocks.find(replace(VISITOR, address="2001:db8:1:3::5")) is None
    assert blocks.remove("address", "2001:db8:1:2::99/128")


IN_EVERY_COUNTRY = [
    *("+442079460000", "442079460000", "00442079460000", "011442079460000", "+4420794600001"),
    *(
        "+44207946000012345",
        "9442079460000",
        "9011442079460000",
        "*67442079460000",
        "900442079460000",
    ),
    *("*6700442079460000", "#31#442079460000#", "+1011442079460000", "+100442079460000"),
    *("1011442079460000", "+7810442079460000", "004402079460000", "00440207946000099"),
]
NOT_THIS = ["+442079460001", "02079460001", "00442079460001", "600", "alice", "2079", "+4420794600"]


@pytest.mark.parametrize("blocked", ["+442079460000", "+44 (0)20 794*", "+44*"])
@pytest.mark.parametrize(
    ("to", "country"),
    [
        *((to, country) for to in IN_EVERY_COUNTRY for country in (None, "GB", "US")),
        *((to, None) for to in ("02079460000", "2079460000", "*6702079460000")),
        *((to, "GB") for to in ("02079460000", "2079460000", "*6702079460000", "020794600001")),
    ],
)
def test_a_number_is_blocked_in_every_spelling(blocked: str, to: str, country: str | None) -> None:
    blocks = Blocks(Clock())
    blocks.add("number", blocked, "", "")
    assert blocks.find(VISITOR, ALICE, to, country)


def test_digits_that_are_too_many_hide_nothing_where_no_country_is_set() -> None:
    blocks = Blocks(Clock())
    blocks.add("number", "+442079460000", "", "")
    assert blocks.find(VISITOR, ALICE, "020794600001")


@pytest.mark.parametrize("blocked", ["00442079460000", "442079460000", "011 44 2079460000"])
@pytest.mark.parametrize("to", ["+442079460000", "00442079460000", "442079460000"])
def test_a_block_may_be_written_as_it_is_dialled(blocked: str, to: str) -> None:
    blocks = Blocks(Clock())
    blocks.add("number", blocked, "", "")
    for country in (None, "GB", "US"):
        assert blocks.find(VISITOR, ALICE, to, country)
    assert blocks.find(VISITOR, ALICE, "+442079460001") is None


def test_a_block_may_be_written_as_it_is_dialled_at_home() -> None:
    blocks = Blocks(Clock())
    blocks.add("number", "020 7946 0000", "", "")
    for to in ("+442079460000", "02079460000", "00442079460000", "9442079460000"):
        assert blocks.find(VISITOR, ALICE, to, "GB")
    assert blocks.find(VISITOR, ALICE, "02079460000", "US")
    assert blocks.find(VISITOR, ALICE, "+442079460000", "US") is None


@pytest.mark.parametrize("country", [None, "GB", "US"])
@pytest.mark.parametrize("to", NOT_THIS)
def test_other_numbers_are_not_blocked(to: str, country: str | None) -> None:
    blocks = Blocks(Clock())
    blocks.add("number", "+442079460000", "", "")
    blocks.add("number", "+20*", "Egypt", "")
    blocks.add("number", "4*", "extensions", "")
    assert blocks.find(VISITOR, ALICE, to, country) is None
    assert blocks.find(VISITOR, ALICE, "12025550123", country) is None, "+2025550123 is in Egypt"


def test_what_is_not_known_yet_is_not_blocked() -> None:
    blocks = Blocks(Clock())
    blocks.add("identity", "*", "", "")
    blocks.add("number", "*", "", "")
    blocks.add("origin", "https://shop.example", "", "")
    assert blocks.refused(Visitor("192.0.2.7", None, "s1")) is None
    assert blocks.refused(Visitor("unknown", None, "s1"), EVERYBODY) is None
    assert blocks.refused(Visitor("", None, "s1"), EVERYBODY, "600") is not None


def test_the_client_hears_neither_the_reason_nor_who_set_it() -> None:
    blocks = Blocks(Clock())
    for kind, value in (("number", NUMBER), ("address", "192.0.2.7")):
        blocks.add(kind, value, "fraud, case 17", "jane")
        said = blocks.refused(VISITOR, ALICE, NUMBER)
        assert said is not None
        assert "blocked" in said
        assert "17" not in said
        assert "jane" not in said


def test_a_block_ends_by_itself() -> None:
    clock = Clock(1000)
    blocks = Blocks(clock)
    blocks.add("address", "192.0.2.7", "", "", until=1060)
    blocks.add("number", "+1555*", "", "", until=1030)
    clock.now = 1059.9
    assert len(blocks.current()) == 1
    assert blocks.find(VISITOR, ALICE, NUMBER)
    clock.now = 1060
    assert blocks.find(VISITOR, ALICE, NUMBER) is None
    assert blocks.current() == []


def test_a_block_is_set_anew_by_setting_it_again() -> None:
    blocks = Blocks(Clock(1000))
    blocks.add("number", "+1*", "first", "", until=1010)
    blocks.add("number", "+1*", "second", "")
    assert [block.why for block in blocks.current()] == ["second"]
    blocks.remove("number", "+1*")
    assert blocks.find(VISITOR, ALICE, NUMBER) is None


def test_an_expired_block_does_not_hide_one_that_holds() -> None:
    clock = Clock(1000)
    blocks = Blocks(clock)
    blocks.add("number", NUMBER, "", "", until=1010)
    blocks.add("number", "+1*", "", "")
    clock.now = 1020
    assert blocks.find(VISITOR, ALICE, NUMBER)


def test_blocks_and_the_switch_come_back_after_a_restart() -> None:
    clock = Clock(1000)
    first = Blocks(clock)
    first.add("address", "192.0.2.0/24", "", "")
    first.add("identity", "alice*", "", "", until=1010)
    first.stop("spend-per-day", "gateway")
    clock.now = 1020
    second = Blocks(clock, first._blocks.values(), first.switch)
    assert [block.kind for block in second.current()] == ["address"]
    assert second.stopped == "spend-per-day"


def test_the_kill_switch() -> None:
    blocks = Blocks(Clock(1000))
    assert not blocks.stopped
    assert blocks.stop("attack", "jane") == Stop("attack", "jane", 1000)
    assert blocks.stop("again", "joe") == Stop("attack", "jane", 1000)
    assert str(blocks.stopped) == "attack"
    assert [blocks.start(), blocks.start()] == [True, False]
    assert blocks.stopped is None


@pytest.mark.parametrize(
    ("kind", "value", "error"),
    [
        ("adress", "192.0.2.7", "`kind` is 'adress'"),
        ("address", "192.0.2", "neither an IP address nor a network"),
        ("address", "192.0.2.0/33", "neither"),
        ("address", "shop.example", "neither"),
        ("address", "::ffff:0:0/90", "neither"),
        ("address", "192.0.2.0/24/24", "neither"),
        ("origin", "shop.example", "no origin"),
        ("origin", "https://shop.example/path", "no origin"),
        ("origin", "https://me@shop.example", "no origin"),
        ("origin", "https://shop.example:99999", "no origin"),
        ("origin", "https://caf\u00e9.example", "no origin"),
        ("origin", "https://[", "no origin"),
        ("identity", " ", "empty"),
        ("identity", "a\nb", "control character"),
        ("identity", "\ud800", "control character"),
        ("identity", "x" * 257, "257 characters"),
    ],
)
def test_what_is_nothing_of_the_kind_is_refused(kind: str, value: str, error: str) -> None:
    blocks = Blocks(Clock())
    with pytest.raises(RequestError, match=error):
        blocks.add(kind, value, "", "")
    with pytest.raises(RequestError, match=error):
        blocks.remove(kind, value)


def test_reasons_and_times_are_checked() -> None:
    blocks = Blocks(Clock(1000))
    with pytest.raises(RequestError, match="`why` has a control"):
        blocks.add("number", "600", "a\nb", "")
    with pytest.raises(RequestError, match="has passed"):
        blocks.add("number", "600", "", "", until=1000)
    with pytest.raises(RequestError, match="has passed"):
        blocks.add("number", "600", "", "", until=float("nan"))


@given(st.sampled_from(KINDS), st.text(max_size=40))
def test_what_is_normal_stays_so(kind: str, value: str) -> None:
    try:
        known, normal = normalize(kind, value)
    except RequestError:
        return
    assert normalize(known, normal) == (known, normal)


@given(st.ip_addresses(), st.integers(0, 128))
def test_a_network_holds_for_its_addresses(address: object, length: int) -> None:
    blocks = Blocks(Clock())
    try:
        blocks.add("address", f"{address}/{length}", "", "")
    except RequestError:
        return  # longer than the address
    assert blocks.find(replace(VISITOR, address=str(address)))
