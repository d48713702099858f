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
import http.server
import json
import os
import shutil
import subprocess
import threading

from chromium_flags import FLAGS
from expect import end, expect

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


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path != "/":
            return self.send_error(404)
        self.answer(PAGE.encode())

    def do_POST(self):
        self.server.found = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(b"")
        self.server.told.set()

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Security-Policy", "connect-src 'self'")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def look(name, *options):
    """Return what the page has seen in a browser."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.told = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    profile = f"{os.environ['WORK']}/{name}"
    os.mkdir(profile)
    address = f"http://127.0.0.1:{server.server_port}/"
    browser = subprocess.Popen(
        [shutil.which(name), *(option.format(profile) for option in options), address],
        env={**os.environ, "HOME": os.environ["WORK"]},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert server.told.wait(50), f"the page has told nothing in {name}"
    finally:
        browser.terminate()
        browser.wait()
    return server.found


CLOSED = 3
for name, options, forbidden in (
    ("chromium", (*FLAGS, "--user-data-dir={}"), ["error", CLOSED]),
    (
        "firefox-esr",
        ("--headless", "--no-remote", "--profile", "{}"),
        ["throws NS_ERROR_CONTENT_BLOCKED", False],
    ),
):
    found = look(name, *options)
    expect(found["refused"], ["error", "close 1006", CLOSED], f"{name}, refused by the server")
    expect(found["forbidden"], forbidden, f"{name}, forbidden by the page's policy")
end()
PYTHON
