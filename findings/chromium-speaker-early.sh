#!/bin/sh
# A speaker is refused to an audio element whose stream has no track yet, in Chromium.
#
# Software: Chromium 150.0.7871.100 (Debian 12), headless.
# Surprise: the Audio Output Devices API lets an element's speaker be chosen at any time, whatever it
#   plays. Chromium takes one for an element without a stream, and for one whose stream has a track.
#   In between, with `srcObject` a MediaStream that is empty still, as it is from a call's offer to
#   its answer, `setSinkId` rejects with AbortError, and the element keeps the default speaker.
# Seen: by element, what setSinkId with the id of one of the fake devices gives, and whether `sinkId`
#   is that id then.
set -eu
. "$(dirname -- "$0")/lib/prepare.sh"
prepare
need chromium chromium 150.0.7871.100

run 60 <<'PYTHON'
from expect import end, expect
from page import look

PAGE = """<!doctype html><script>
async function choose(element, id) {
  const given = await element.setSinkId(id).then(() => "taken", ({ name }) => name);
  return [given, element.sinkId === id];
}
(async () => {
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  const devices = await navigator.mediaDevices.enumerateDevices();
  const { deviceId } = devices.find(({ kind, deviceId }) =>
    kind === "audiooutput" && deviceId && !["default", "communications"].includes(deviceId));
  const [none, empty, full] = [new Audio(), new Audio(), new Audio()];
  empty.srcObject = new MediaStream();
  full.srcObject = microphone;
  const found = { none: await choose(none, deviceId), empty: await choose(empty, deviceId) };
  found.full = await choose(full, deviceId);
  empty.srcObject.addTrack(microphone.getTracks()[0]);
  await new Promise((later) => setTimeout(later, 500));
  found.filled = await choose(empty, deviceId);
  await fetch("/found", { method: "POST", body: JSON.stringify(found) });
})().catch((error) => fetch("/found", { method: "POST", body: JSON.stringify(String(error)) }));
</script>"""

found = look("chromium", PAGE)
expect(found["none"], ["taken", True], "an element without a stream")
expect(found["empty"], ["AbortError", False], "one whose stream has no track")
expect(found["full"], ["taken", True], "one whose stream has a track")
expect(found["filled"], ["taken", True], "the one that had none, once it has one")
end()
PYTHON
