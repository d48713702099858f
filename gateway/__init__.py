"""The gateway: a back-to-back user agent between browsers (WebRTC) and SIP trunks."""

import os

# Before numpy is imported: its linear algebra starts a thread for each core, which spins between
# two ticks of the media clock and gains nothing on rows of 160 samples
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
