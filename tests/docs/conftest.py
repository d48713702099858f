"""The pages are served by the gateway of the tests of signaling: a real server, fake calls."""

from tests.gateway.signaling.conftest import gateway as gateway
from tests.gateway.signaling.conftest import start_gateway as start_gateway
