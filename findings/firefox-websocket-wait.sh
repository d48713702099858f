#!/bin/sh
# A WebSocket waits in Firefox after others have failed, up to a minute; another path does not, nor HTTP.
#
# Software: Firefox 140.12.0esr (Debian 12), headless.
# Surprise: RFC 6455 section 7.2.3 wants clients to come back slowly after abnormal closures, and names
#   5 s for the first time. Firefox does it for the page, unasked: where a WebSocket to a host, port
#   and path has failed, `new WebSocket` to the same waits before it connects, half as long again after
#   each failure. Nothing tells the page so, and a page with a back-off of its own has both. The query
#   is no part of what is counted, and the path is. `fetch` neither waits nor counts, so it can ask
#   whether the server is back.
# Seen: how long each of ten WebSockets to a port where nobody listens takes to fail, each tried as soon
#   as the one before has: each from the third on longer than the one before, the tenth more than 3 s.
#   Then one with a query: longer still. Then `fetch`, and one to another path: less than 1 s each.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare
need firefox-esr firefox-esr 140.12.0esr

run 120 <<'PYTHON'
import socket

from expect import end, expect
from page import look

PAGE = """<!doctype html><script>
const address = "127.0.0.1:PORT/calls";
async function timed(attempt) {
  const began = performance.now();
  await attempt();
  return Math.round(performance.now() - began);
}
const fail = (url) => new Promise((done) => new WebSocket(url).onclose = done);
(async () => {
  const same = [];
  while (same.length < 10) same.push(await timed(() => fail(`ws://${address}`)));
  const query = await timed(() => fail(`ws://${address}?again`));
  const http = await timed(() => fetch(`http://${address}`).catch(() => {}));
  const path = await timed(() => fail(`ws://${address}/again`));
  await fetch("/found", { method: "POST", body: JSON.stringify({ same, query, http, path }) });
})();
</script>"""

with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]  # nobody listens there from here on
found = look("firefox-esr", PAGE.replace("PORT", str(port)), limit=100)
same = found["same"]
print(f"ten to the same path, ms: {same}")
grown = all(later > earlier for earlier, later in zip(same[2:], same[3:]))
expect(grown, True, "each from the third on takes longer than the one before")
expect(same[-1] > 3000, True, "the tenth takes more than 3 s")
expect(found["query"] > same[-1], True, f"one with a query takes longer still ({found['query']} ms)")
expect(found["http"] < 1000, True, f"fetch fails at once ({found['http']} ms)")
expect(found["path"] < 1000, True, f"another path fails at once ({found['path']} ms)")
end()
PYTHON
