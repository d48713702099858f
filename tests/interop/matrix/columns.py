"""The columns, from the left."""

from __future__ import annotations

from typing import Final

from tests.interop.matrix import asterisk, baresip, kamailio, linphone, pjsua, sipp
from tests.interop.matrix.cells import Column

COLUMNS: Final[tuple[Column, ...]] = (
    asterisk.COLUMN,
    sipp.COLUMN,
    kamailio.COLUMN,
    baresip.COLUMN,
    linphone.COLUMN,
    pjsua.COLUMN,
)
