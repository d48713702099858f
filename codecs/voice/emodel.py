"""What a call sounds like, estimated from delay and loss: the E-model (ITU-T G.107). Pure.

Nobody can listen in on every call, so quality is computed from what the receiver knows. The model
starts from a perfect narrowband connection and takes off what impairs it:

    R = 93.2 - Idd(delay) - Ie,eff(codec, loss, bursts)

93.2 is Ro - Is at the default values of G.107: the noise and loudness of two telephones, which a
gateway cannot measure. The echo terms Idte and Idle are left out, since browsers cancel echo and
trunks are told to; a call with audible echo is worse than it is said to be here.
"""

from __future__ import annotations

import math

from voice.codec import CODECS, Impairment

DEFAULT_RATING = 93.2  # Ro - Is, all parameters at the defaults of G.107: nothing is impaired

BEST_MOS = 4.5  # G.107 annex B: no more is to be had from the people who are asked
WORST_MOS = 1.0

# Idd of G.107 section 7.4: nobody notices delays below it (mT), at the default sensitivity (sT = 1)
_UNNOTICED = 100.0  # ms

# The greatest impairment that loss can add to a codec: G.107 section 7.5
_MOST_IMPAIRED = 95.0


def rating(
    delay_ms: float, loss: float, codec: str | Impairment, burst_ratio: float = 1.0
) -> float:
    """Return the transmission rating R, 0 (useless) to 93.2.

    Parameters
    ----------
    delay_ms
        From mouth to ear, one way, buffers and all.
    loss
        Share of the packets that could not be played, 0 to 1.
    codec
        Encoding name, any case, of `voice.codec`'s table; or what a codec does to speech.
    burst_ratio
        How long bursts of loss are on average, compared with random loss; 1 where loss is random.

    Raises
    ------
    ValueError
        A codec that the table has not, a share outside 0 to 1, a negative delay, or bursts below 1.
    """
    impairment = _look_up(codec) if isinstance(codec, str) else codec
    if not 0.0 <= loss <= 1.0:
        raise ValueError(f"loss of {loss}: a share is from 0 to 1")
    if not delay_ms >= 0.0:
        raise ValueError(f"delay of {delay_ms} ms: none is negative")
    if not burst_ratio >= 1.0:
        raise ValueError(f"burst ratio of {burst_ratio}: random loss has 1, and none has less")
    impaired = delay_impairment(delay_ms) + loss_impairment(impairment, loss, burst_ratio)
    return max(0.0, DEFAULT_RATING - impaired)


def _look_up(name: str) -> Impairment:
    codec = CODECS.get(name.upper())
    if codec is None:
        raise ValueError(f"{name!r}: the E-model has values for {', '.join(CODECS)}")
    return codec.impairment


def delay_impairment(delay_ms: float) -> float:
    """Return Idd, what delay alone takes off, without echo (G.107 section 7.4)."""
    if delay_ms <= _UNNOTICED:
        return 0.0
    x = math.log2(delay_ms / _UNNOTICED)
    # With sT = 1 both roots are the sixth; math.pow, since ** of two floats may be complex
    return 25.0 * (math.pow(1 + x**6, 1 / 6) - 3 * math.pow(1 + (x / 3) ** 6, 1 / 6) + 2)


def loss_impairment(impairment: Impairment, loss: float, burst_ratio: float = 1.0) -> float:
    """Return Ie,eff, what the codec and its lost packets take off (G.107 section 7.5)."""
    equipment, robustness = impairment
    percent = 100.0 * loss
    share = percent / (percent / burst_ratio + robustness)
    # The formula alone passes 95 when whole stretches are lost
    return min(_MOST_IMPAIRED, equipment + (_MOST_IMPAIRED - equipment) * share)


def mos(rating: float) -> float:
    """Return the mean opinion score that is to be expected for R, 1 to 4.5 (G.107 annex B)."""
    if rating <= 0.0:
        return WORST_MOS
    if rating >= 100.0:
        return BEST_MOS
    score = 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
    # The cubic dips below 1 under R = 6.5
    return max(WORST_MOS, score)
