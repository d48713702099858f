#!/bin/sh
# A WebSocket that the page's policy forbids has no `close` in Chromium, and is no Error in Firefox.
#
# Software: Chromium 150.0.7871.100 and Firefox 140.12.0esr (Debian 12), headless.
# Surprise: a page whose Content-Security-Policy has `connect-src 'self'` opens a WebSocket to another
#   port. By the standard such a connection fails as any other (WebSockets, "fail the WebSocket
#   connection"): `error` and then `close` with 1006, so a page may well wait for `close` alone.
#   Chromium fires `error` and no `close`, ever, though readyState is CLOSED. Firefox throws in the
#   constructor, and what it throws is neither an Error nor a DOMException: `instanceof` finds
#   nothing, and there is no stack.
# Seen: a WebSocket to its own server, which refuses it: `error` and `close` in both browsers.
#   To the forbidden port within 3 s: `error` alone in Chromium; an object named
#   NS_ERROR_CONTENT_BLOCKED is thrown in Firefox.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare
need chromium chromium 150.0.7871.100
need firefox-esr firefox-esr 140.12.0esr

run 120 <<'PYTHON'
from expect import end, expect
from page import look

PAGE = """<!doctype html><script>
async function open(url) {
  let socket;
  try {
    socket = new WebSocket(url);
  } catch (thrown) {
    return [`throws ${thrown.name}`, thrown instanceof Error || thrown instanceof DOMException];
  }
  const seen = [];
  socket.onerror = () => seen.push("error");
  socket.onclose = (event) => seen.push(`close ${event.code}`);
  await new Promise((later) => setTimeout(later, 3000));
  return [...seen, socket.readyState];
}
(async () => {
  const refused = await open(`ws://${location.host}/none`);
  const found = { refused, forbidden: await open("ws://127.0.0.1:9/") };
  await fetch("/found", { method: "POST", body: JSON.stringify(found) });
})();
</script>"""

CLOSED = 3
for name, forbidden in (
    ("chromium", ["error", CLOSED]),
    ("firefox-esr", ["throws NS_ERROR_CONTENT_BLOCKED", False]),
):
    found = look(name, PAGE, Content_Security_Policy="connect-src 'self'")
    expect(found["refused"], ["error", "close 1006", CLOSED], f"{name}, refused by the server")
    expect(found["forbidden"], forbidden, f"{name}, forbidden by the page's policy")
end()
PYTHON
