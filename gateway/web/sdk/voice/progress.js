// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * How far a call has come: its state, which only moves forward, and what is known since which one.
 * It sends no frames and has no sound.
 */

/** @typedef {import("./call-types.js").CallState} CallState */
/** @typedef {import("./call-types.js").Codecs} Codecs */
/** @typedef {import("./call-types.js").Emit} Emit */
/** @typedef {import("./errors.js").CallEnd} CallEnd */

/** @type {readonly CallState[]} */
const STATES = ["pending", "connecting", "ringing", "open", "closed"];

/** From the offer to the gateway's first word. */
const TRYING_TIMEOUT = 10_000;

export class Progress {
  /** @type {CallState} */
  #state = "pending";
  /** @type {Codecs | null} */
  #codec = null;
  /** @type {CallEnd | null} */
  #end = null;
  #heard = false;
  #earlyMedia = false;
  /** @type {number | null} performance.now() at the answer */
  #acceptedAt = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} until the gateway's first word */
  #timer;

  /** @param {Emit} emit of the call */
  constructor(emit) {
    this.emit = emit;
  }

  get state() {
    return this.#state;
  }

  get codec() {
    return this.#codec;
  }

  get end() {
    return this.#end;
  }

  /** Whether the gateway has said anything about the call. */
  get heard() {
    return this.#heard;
  }

  get answered() {
    return this.#acceptedAt !== null;
  }

  /** Whether the other side can be heard, be it before the answer. */
  get audible() {
    return this.#state === "open" || this.#earlyMedia;
  }

  /** Since the answer; stands still after the end. */
  get durationMs() {
    if (this.#end) return this.#end.durationMs;
    return this.#acceptedAt === null ? 0 : Math.round(performance.now() - this.#acceptedAt);
  }

  /** @param {() => void} silent the gateway has not said a word in time */
  wait(silent) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(silent, TRYING_TIMEOUT);
  }

  /** The gateway has said something that was no refusal. */
  hear() {
    this.#heard = true;
    clearTimeout(this.#timer);
  }

  /** @param {CallState} state */
  move(state) {
    const previous = this.#state;
    if (STATES.indexOf(state) <= STATES.indexOf(previous)) return;
    this.#state = state;
    this.emit("state", state, previous);
  }

  /** @param {boolean} earlyMedia 180 and 183 may alternate */
  ring(earlyMedia) {
    if (this.#state === "open" || (this.#state === "ringing" && earlyMedia === this.#earlyMedia)) return;
    this.#earlyMedia = earlyMedia;
    this.move("ringing");
    this.emit("ringing", earlyMedia);
  }

  /** @param {unknown} codec of either leg */
  answer(codec) {
    this.speak(codec);
    this.#acceptedAt = performance.now();
    this.move("open");
  }

  /** @param {unknown} codec of either leg, from now on */
  speak(codec) {
    const { browser, trunk } = /** @type {Partial<Codecs>} */ (codec ?? {});
    this.#codec = { browser: browser ?? "", trunk: trunk ?? "" };
  }

  /**
   * Goes on with a call of an earlier page.
   *
   * @param {Record<string, unknown>} known by the gateway
   */
  restore({ state, earlyMedia, answeredMs, codec }) {
    this.#heard = true;
    this.#earlyMedia = earlyMedia === true;
    this.#state = state === "answered" ? "open" : state === "ringing" ? "ringing" : "connecting";
    if (this.#state !== "open") return;
    this.speak(codec);
    this.#acceptedAt = performance.now() - (typeof answeredMs === "number" ? answeredMs : 0);
  }

  /** @param {CallEnd} end the state is `closed` by a `move` of its own, once nothing is open any more */
  finish(end) {
    this.#end = end;
    clearTimeout(this.#timer);
  }
}
