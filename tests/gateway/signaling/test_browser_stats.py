"""What is read out of a browser's getStats, and out of what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calls.opinion import PageAccount, PageSample
from gateway.signaling.browser_stats import LONGEST_MS, read_stats

HEARD = {
    "type": "inbound-rtp",
    "kind": "audio",
    "packetsLost": 5,
    "packetsReceived": 95,
    "jitter": 0.004,
    "concealedSamples": 960,
    "totalSamplesReceived": 48_000,
}
SENT = {"type": "remote-inbound-rtp", "kind": "audio", "roundTripTime": 0.05}
PAIR = {"type": "candidate-pair", "nominated": True, "currentRoundTripTime": 0.03}


@pytest.mark.parametrize(
    ("entries", "sample"),
    [
        ([HEARD, SENT, PAIR], PageSample(0.05, 0.02, 4.0, 50.0)),
        ([PAIR, HEARD], PageSample(0.05, 0.02, 4.0, 30.0)),
        ([{**PAIR, "nominated": False}, {"type": "codec"}], PageSample()),
        ([{**HEARD, "kind": "video"}], PageSample()),
        # No samples are known in the first moment, and what came twice was lost less than never
        ([{**HEARD, "packetsLost": -3, "totalSamplesReceived": 0}], PageSample(0.0, None, 4.0)),
        ([{**HEARD, "packetsLost": "5", "jitter": True}], PageSample(None, 0.02)),
        ([{**HEARD, "jitter": 1e300, "packetsReceived": 10**400}], PageSample(None, 0.02, 6e4)),
        ([], PageSample()),
    ],
)
def test_what_is_known(entries: list[dict[str, Any]], sample: PageSample) -> None:
    assert read_stats(entries) == sample


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
ENTRIES = st.dictionaries(st.sampled_from(sorted(HEARD | SENT | PAIR)), VALUES)


@given(st.lists(st.builds(lambda base, more: base | more, st.sampled_from([HEARD, {}]), ENTRIES)))
def test_whatever_a_page_makes_of_it_is_in_range(entries: list[dict[str, Any]]) -> None:
    sample = read_stats(entries)
    for share in (sample.loss, sample.concealed):
        assert share is None or 0 <= share <= 1
    for time in (sample.jitter_ms, sample.rtt_ms):
        assert time is None or 0 <= time <= LONGEST_MS


def test_shares_are_those_of_the_last_sample_and_times_are_means() -> None:
    account = PageAccount()
    for sample in (PageSample(0.5, 0.4, 10.0, 20.0), PageSample(0.1, None, 20.0), PageSample()):
        account.add(sample)
    assert (account.loss, account.concealed) == (0.1, 0.4)
    assert (account.jitter_ms.value, account.rtt_ms.value) == (15.0, 20.0)
