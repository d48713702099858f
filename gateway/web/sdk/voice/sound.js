// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The sound of a call: its audio connection, which comes late or twice where an incoming call is
 * accepted again, and what outlives a connection: whether this side is muted, and where digits go.
 */

import { Connection } from "./connection.js";
import { isHeard } from "./digits.js";

/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./call-types.js").Emit} Emit */
/** @typedef {import("./call-types.js").Source} Source */
/** @typedef {import("./errors.js").CallError} CallError */
/** @typedef {ReturnType<typeof import("./digits.js").checkDigits>} Tones */

/**
 * @typedef {object} SoundOptions
 * @property {Emit} emit of the call
 * @property {(frame: { type: string, [field: string]: unknown }) => void} send
 * @property {() => boolean} held whether this side holds the call
 * @property {() => boolean} expectsAudio whether silence on the wire deserves a warning
 * @property {(sample: import("./quality.js").Sample) => void} onSample
 * @property {(error: CallError) => void} onError it does not end the connection
 * @property {(error: CallError) => void} onFailed there is no connection, or no longer
 * @property {() => void} onConnected
 * @property {() => void} onDoubt it is interrupted, and may come back
 */

export class Sound {
  /** @type {Connection | null} */
  #connection = null;
  #muted = false;
  /** Digits go as messages, as earlier ones have: by another way they would overtake those. */
  #dialsByMessage = false;

  /** @param {SoundOptions} options */
  constructor(options) {
    this.options = options;
  }

  /** Null before an incoming call is accepted. */
  get connection() {
    return this.#connection;
  }

  get media() {
    return this.#connection?.media ?? null;
  }

  get muted() {
    return this.#muted;
  }

  /**
   * @param {Source} source
   * @param {AcceptOptions & { made?: HTMLAudioElement }} options
   */
  connect(source, { element, made }) {
    const { emit, send } = this.options;
    this.#connection = new Connection({
      ...this.options,
      ...source,
      element,
      made,
      onCandidate: (candidate) => send({ type: "candidate", candidate }),
      onTone: (digit) => this.#sent(digit, null),
      onVolume: (input, output) => emit("volume", input, output),
      onReport: (report) => send({ type: "stats", report }),
      onWarning: (name, active, data) => (active ? emit("warning", name, data) : emit("warning-cleared", name)),
    });
    this.silence();
  }

  /**
   * Puts another connection in the place of the one that there is, with the same microphone and element.
   *
   * @param {RTCConfiguration} configuration
   * @param {AcceptOptions} options
   */
  replace(configuration, options) {
    if (!this.#connection) return;
    const { microphone, element } = this.#connection.media;
    const { audio } = this.#connection.options;
    this.#connection.release();
    this.connect({ microphone, audio, configuration }, { ...options, made: element });
  }

  /** Gives the connection up; another may follow. */
  disconnect() {
    this.#connection?.close();
    this.#connection = null;
  }

  /** Closes the connection, whose streams can still be looked at. */
  close() {
    this.#connection?.close();
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    this.silence();
  }

  /** The microphone is heard unless it is muted, or this side holds the call. */
  silence() {
    this.media?.mute(this.#muted || this.options.held());
  }

  /** @param {Tones} tones in the audio stream where the gateway agreed to that, else as a message */
  dial(tones) {
    // A browser knows the comma as a pause, and no other (WebRTC 1.0 section 7.2): the gateway knows both
    this.#dialsByMessage ||= tones.digits.includes("W");
    if (!this.#dialsByMessage && this.media?.insertDigits(tones.digits, tones.duration, tones.gap)) return;
    const waiting = this.media?.withdrawDigits();
    if (waiting) this.#tell({ ...tones, digits: `W${waiting}` }); // one may still sound
    this.#tell(tones);
  }

  /** @param {Tones} tones */
  #tell(tones) {
    this.options.send({ type: "dtmf", ...tones });
    for (const digit of tones.digits) this.#sent(digit, tones.duration);
  }

  /**
   * @param {string} digit
   * @param {number | null} duration
   */
  #sent(digit, duration) {
    if (isHeard(digit)) this.options.emit("dtmf", digit, { direction: "sent", duration });
  }
}
