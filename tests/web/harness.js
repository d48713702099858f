// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What the tests need of a page: a call with its events written down, and a count of what is still
 * open. Constructors are wrapped before the client loads, to find what a call leaves behind.
 */

const made = { peers: [], tracks: [], contexts: [] };

for (const [name, list] of [["RTCPeerConnection", made.peers], ["AudioContext", made.contexts]]) {
  const original = window[name];
  window[name] = class extends original {
    constructor(...args) {
      super(...args);
      list.push(this);
    }
  };
}

if (navigator.mediaDevices) {
  const original = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    const stream = await original(constraints);
    made.tracks.push(...stream.getTracks());
    return stream;
  };
}

window.harness = {
  events: [],
  call: null,
  device: null,

  /** What should be nothing when no call lives. */
  open: () => ({
    peers: made.peers.filter((peer) => peer.connectionState !== "closed").length,
    tracks: made.tracks.filter((track) => track.readyState === "live").length,
    contexts: made.contexts.filter((context) => context.state !== "closed").length,
    elements: document.querySelectorAll("audio").length,
    calls: harness.device?.calls.length ?? 0,
  }),

  /** Made in total, so that "nothing open" is not for want of a call. */
  made: () => ({ peers: made.peers.length, tracks: made.tracks.length, contexts: made.contexts.length }),

  /** From now on keeps what is open, and nothing that is over. */
  forget() {
    for (const [list, over] of [
      [made.peers, (peer) => peer.connectionState === "closed"],
      [made.tracks, (track) => track.readyState === "ended"],
      [made.contexts, (context) => context.state === "closed"],
    ]) {
      list.push = (...added) => {
        for (let at = list.length - 1; at >= 0; at -= 1) if (over(list[at])) list.splice(at, 1);
        return Array.prototype.push.apply(list, added);
      };
    }
  },

  /** Of the latest peer connection. */
  configuration: () => made.peers.at(-1).getConfiguration(),

  brief: ({ name, code, message, advice, reason, fatal, sipCode, cause }) =>
    ({ name, code, message, advice, reason, fatal, sipCode, cause }),

  /** Whether audio has arrived from the other side. */
  async heard() {
    const entries = [...(await harness.call.getStats()).values()];
    return entries.some(({ type, packetsReceived }) => type === "inbound-rtp" && packetsReceived > 0);
  },

  /** Options with a list of tokens: they are fetched one after the other; null fails. */
  make(Device, { tokens, ...options } = {}) {
    if (tokens) {
      options.fetchToken = async () => {
        const token = tokens.shift();
        if (!token) throw new Error("no token to be had");
        return token;
      };
    }
    harness.device = new Device(options);
    harness.device.on("tokenWillExpire", (_, expires) => harness.events.push(["expiring", expires.getTime()]));
    harness.device.on("draining", (seconds) => harness.events.push(["draining", seconds]));
    harness.device.on("error", (error, call) => {
      if (!call) harness.events.push(["device-error", harness.brief(error)]);
    });
    harness.device.on("registered", (identity) => harness.events.push(["registered", identity]));
    harness.device.on("unregistered", (error) => harness.events.push(["unregistered", error && harness.brief(error)]));
    harness.device.on("incoming", (call) => {
      harness.call = call;
      const { direction, from, to, displayName, headers, state } = call;
      harness.events.push(["incoming", { direction, from, to, displayName, headers, state }]);
      harness.listen(call);
    });
  },

  async register(identity, device) {
    const { Device } = await import("/sdk/voice-client.js");
    if (!harness.device) harness.make(Device, device);
    return harness.device.register(identity).catch(harness.brief);
  },

  /** What became of something asked of the call: what it came to, or the error. */
  ask: (method, ...args) => harness.call[method](...args).then((value) => value ?? null, harness.brief),

  /** What something throws; null if it does not. */
  fail(action) {
    try {
      action();
      return null;
    } catch (error) {
      return harness.brief(error);
    }
  },

  async dial({ to = "600", device = {}, ...options } = {}) {
    const { Device } = await import("/sdk/voice-client.js");
    if (!harness.device) harness.make(Device, device);
    try {
      harness.call = await harness.device.connect({ to, ...options });
    } catch (error) {
      return harness.brief(error);
    }
    harness.listen(harness.call);
    return null;
  },

  listen(call) {
    const note = (name, pick) => call.on(name, (...args) => harness.events.push([name, pick(...args)]));
    note("state", (state) => state);
    note("ringing", (early) => early);
    note("accept", () => call.codec);
    note("mute", (muted) => muted);
    note("held", (by) => [by, call.held]);
    note("resumed", (by) => [by, call.held]);
    note("transferprogress", (stage) => stage);
    for (const event of ["redirecting", "redirected", "redirectfailed"]) note(event, (redirection) => redirection);
    note("dtmf", (digit, info) => ({ digit, ...info }));
    note("warning", (name) => name);
    note("warning-cleared", (name) => name);
    for (const event of ["reconnecting", "reconnected"]) note(event, () => call.reconnecting === (event === "reconnecting"));
    note("cancel", (_, end) => end.cause);
    note("reject", (_, end) => end.cause);
    note("quality", (quality) => quality);
    note("error", harness.brief);
    note("disconnect", (_, end) => ({ ...end, open: harness.open() }));
    call.on("volume", (input, output) => (harness.volume = [input, output]));
    call.on("sample", (sample) => (harness.sample = sample));
  },

  named: (name) => harness.events.filter(([event]) => event === name).map(([, value]) => value),
};
