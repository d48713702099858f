#!/bin/sh
# Chromium keeps a microphone's track that has been stopped, and all that its listeners hold.
#
# Software: Chromium 150.0.7871.100 (Debian 12), headless, with its own fake microphone.
# Surprise: a page takes the microphone (getUserMedia), listens to `ended` of the track, stops the
#   track and forgets both. A stopped track fires nothing any more, so what it holds is expected to
#   be garbage. It is not: as long as the page lives each listener stays, with everything that it
#   refers to, such as the call that it was for. A page that calls all day grows with each call,
#   unless it takes the listener off. Objects of a track without a listener are freed.
# Seen: of 20 objects, held only by a listener of a stopped track each, 20 are there after the
#   collections of garbage; of 20 whose listener was taken off, none.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare
need chromium chromium 150.0.7871.100

run 90 <<'PYTHON'
from expect import end, expect
from page import look

PAGE = """<!doctype html><script>
async function use(off) {
  const media = await navigator.mediaDevices.getUserMedia({ audio: true });
  const [track] = media.getTracks();
  const call = { size: new Array(1000).fill(0) };
  track.onended = () => call.size.length;
  track.stop();
  if (off) track.onended = null;
  return new WeakRef(call);
}
async function left(off) {
  const calls = [];
  for (let count = 0; count < 20; count += 1) calls.push(await use(off));
  for (let turn = 0; turn < 5; turn += 1) {
    await new Promise((later) => setTimeout(later, 100));
    gc();
  }
  return calls.filter((call) => call.deref()).length;
}
(async () => {
  let found;
  try {
    found = { kept: await left(false), off: await left(true) };
  } catch (error) {
    found = { error: String(error) };
  }
  await fetch("/found", { method: "POST", body: JSON.stringify(found) });
})();
</script>"""

found = look("chromium", PAGE, "--js-flags=--expose-gc", limit=60)
assert "error" not in found, found
expect(found["kept"], 20, "objects left of 20 that a stopped track's listener holds")
expect(found["off"], 0, "objects left of 20 whose listener was taken off")
end()
PYTHON
