/** The bell of the desktop: two soft notes, twice a cycle, for as long as a call waits. */

const CYCLE = 3000;

let bell;

/** Browsers play sound once the page has been clicked on; before, it rings without one. */
export function ring(on) {
  if (on === Boolean(bell)) return;
  if (!on) {
    clearInterval(bell.timer);
    void bell.context.close();
    bell = undefined;
    return;
  }
  const context = new AudioContext();
  bell = { context, timer: setInterval(() => strike(context), CYCLE) };
  strike(context);
}

function strike(context) {
  for (const [pitch, after] of [[660, 0], [880, 0.15], [660, 0.5], [880, 0.65]]) {
    const start = context.currentTime + after;
    const [note, volume] = [new OscillatorNode(context, { frequency: pitch }), new GainNode(context, { gain: 0 })];
    volume.gain.setTargetAtTime(0.12, start, 0.01);
    volume.gain.setTargetAtTime(0, start + 0.1, 0.08);
    note.connect(volume).connect(context.destination);
    note.start(start);
    note.stop(start + 0.8);
  }
}
