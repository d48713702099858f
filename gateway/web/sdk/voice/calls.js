// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The calls of a device: how one is placed, rings here, or is taken up after a reload; and whether there may
 * be one more.
 */

import { Call } from "./call.js";
import { CallError, errorOfEnd } from "./errors.js";
import { text, texts } from "./frames.js";
import { unlessGivenUp } from "./given-up.js";
import { closeSource } from "./sources.js";

/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./connect-options.js").Placed} Placed */
/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {import("./signaling.js").Signaling} Signaling */

/**
 * @typedef {object} CallsOptions
 * @property {import("./sessions.js").Sessions} sessions
 * @property {import("./sources.js").Sources} sources
 * @property {import("./audio-devices.js").AudioDevices} devices
 * @property {AbortSignal} destroyed the device is
 * @property {import("./device-types.js").Emit} emit of the device
 * @property {(call: Call) => void} onCall there is one more
 */

export class Calls {
  /** @type {Set<Call>} */
  #all = new Set();
  /** How many are under way to be calls: they need the session as much as a call does. */
  #dialing = 0;

  /** @param {CallsOptions & import("./device-types.js").DeviceOptions} options */
  constructor(options) {
    this.options = options;
  }

  /** Those that are alive, oldest first. */
  get all() {
    return [...this.#all];
  }

  /** Whether the session is needed. */
  get any() {
    return this.#all.size + this.#dialing > 0;
  }

  /**
   * Whether this page has a call, or is placing one. One that rings here is nobody's yet.
   *
   * @param {Call} [except] this one does not count
   */
  busy(except) {
    return this.#dialing > 0 || this.all.some((call) => call !== except && call.taken);
  }

  /**
   * Places a call.
   *
   * @param {Placed} placed
   * @returns {Promise<Call>} once its offer is on its way
   */
  async place(placed) {
    if (this.busy() && !this.options.allowSeveralCalls) throw new CallError("busy-here", { fatal: false });
    this.#dialing += 1;
    try {
      return await this.#dial(placed);
    } finally {
      this.#dialing -= 1;
    }
  }

  /**
   * A call rings here, if there may be one more.
   *
   * @param {Signaling} signaling
   * @param {Frame} frame
   */
  ring(signaling, frame) {
    const { sessions, emit } = this.options;
    if (!this.#mayRing()) {
      signaling.send({ type: "reject", call: frame.call, code: 486 });
      return;
    }
    /** @type {Call} */
    const call = this.#keep({
      ...this.#setup(signaling, {}),
      ...told(frame),
      prepare: async (audio, over) => {
        if (!this.#mayRing(call)) throw new CallError("busy-here", { fatal: false });
        return this.#open(signaling, audio, over);
      },
    });
    // What has ended is renewed while it rings, not when somebody waits for the sound.
    sessions.access.welcome(signaling).catch(() => {});
    emit("incoming", call);
  }

  /**
   * Goes on with a call of an earlier page.
   *
   * @param {Signaling} signaling
   * @param {Frame} known by the gateway
   * @param {boolean} muted
   * @param {AcceptOptions} options
   */
  restore(signaling, known, muted, options) {
    return this.#keep({
      ...this.#setup(signaling, options),
      ...told(known),
      prepare: (audio, over) => this.#open(signaling, audio, over),
      restored: { known, muted },
    });
  }

  /** @param {Placed} placed */
  async #dial({ signal, ...placed }) {
    const { sessions, destroyed, emit } = this.options;
    // Both at once: the session stands by the time the person has answered the prompt.
    const signaling = sessions.use();
    const setup = { ...placed, ...this.#setup(signaling, placed) };
    const over = new AbortController();
    const ends = [signal, destroyed];
    const opening = this.#open(signaling, placed.audio, over.signal);
    /** @type {Call | null} */
    let call = null;
    try {
      const source = await unlessGivenUp(opening, ends);
      call = this.#keep({ ...setup, source });
    } finally {
      if (!call) {
        over.abort();
        opening.then(closeSource, () => {});
      }
    }
    const starting = sessions.access.place(signaling, call, (error) => emit("error", error, null));
    await unlessGivenUp(starting, ends).catch((error) => {
      call.disconnect();
      throw error;
    });
    // The session may have gone in the meantime, when nobody was listening yet.
    if (call.end) throw errorOfEnd(call.end);
    return call;
  }

  /**
   * Whether an incoming call may be this page's.
   *
   * @param {Call} [call] that rings already
   */
  #mayRing(call) {
    const { allowSeveralCalls, allowIncomingWhileBusy } = this.options;
    return allowSeveralCalls || allowIncomingWhileBusy || !this.busy(call);
  }

  /**
   * What every call is made of.
   *
   * @param {Signaling} signaling
   * @param {AcceptOptions} options of this call
   */
  #setup(signaling, { audio, element }) {
    return {
      signaling,
      configure: () => this.options.sources.configure(signaling),
      audio,
      element,
    };
  }

  /**
   * With the microphone that is chosen by now, which may not be the one of when the call began to ring.
   *
   * @param {Signaling} signaling
   * @param {MediaTrackConstraints | undefined} audio of this call
   * @param {AbortSignal} over
   */
  #open(signaling, audio, over) {
    const { sources, devices } = this.options;
    return sources.open(signaling, { ...this.options.audio, ...devices.constraints, ...audio }, over);
  }

  /** @param {import("./call-types.js").CallSetup} setup */
  #keep(setup) {
    const call = new Call(setup);
    call.watch("disconnect", () => {
      this.#all.delete(call);
      this.options.sessions.expectFeedback();
    });
    this.options.onCall(call); // which may ask the page, and fail
    this.#all.add(call);
    return call;
  }
}

/** @param {Frame} frame that tells a call of the gateway's */
const told = ({ call, to, from, displayName, headers }) => ({
  id: text(call),
  to: text(to) ?? "",
  from: text(from),
  displayName: text(displayName),
  headers: texts(headers),
});
