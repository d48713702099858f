"""The packet path, compiled: sockets, legs, bridges and the tick that serves them all."""

import voice  # noqa: F401  a clone without compiled modules: it says what to type
