from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admission.policy import Policy
from gateway.errors import ForbiddenError


@pytest.mark.parametrize(
    ("policy", "to", "refusal"),
    [
        (Policy(), "600", "admission.allow is empty"),
        (Policy(allow=("+1",)), "+15551234567", None),
        (Policy(allow=("+1",)), "+4420123456", "no prefix in admission.allow"),
        (Policy(allow=("+1",)), "15551234567", "no prefix in admission.allow"),
        (Policy(allow=("*",)), "anyone", None),
        (Policy(allow=("*9",)), "*98", None),
        (Policy(allow=("*9",)), "98", "no prefix in admission.allow"),
        (Policy(allow=("+1",), deny=("+1900",)), "+19005551234", "'+1900'"),
        (Policy(allow=("*",), deny=("*",)), "600", "admission.deny"),
    ],
)
def test_dial_plan(policy: Policy, to: str, refusal: str | None) -> None:
    if refusal is None:
        policy.admit(to)
        return
    with pytest.raises(ForbiddenError) as refused:
        policy.admit(to)
    assert refusal in str(refused.value)
    assert to in str(refused.value)
    assert refused.value.sip_code == 403


@given(
    st.lists(st.text("+*0123", max_size=4)),
    st.lists(st.text("+*0123", max_size=4)),
    st.text("+0123"),
)
def test_a_denial_always_wins(allow: list[str], deny: list[str], to: str) -> None:
    policy = Policy(tuple(allow), (*deny, to[:3] or "*"))
    with pytest.raises(ForbiddenError):
        policy.admit(to)
