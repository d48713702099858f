// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The element's telephone line: one call at a time, through the public surface of the client. It tells
 * what happens in the words of `model.js`, and knows nothing of what is shown.
 */

import { Device } from "../voice/device.js"; // without what only pages of other SDKs need
import { CallError, ENDINGS, spokenAs } from "../voice/errors.js";
import { Reachable } from "./reachable.js";
import { grantsTransfer } from "./token.js";

/** @typedef {import("../voice-client.js").Call} Call */
/** @typedef {import("../voice-client.js").CallEnd} CallEnd */
/** @typedef {import("../voice-client.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./model.js").Happening} Happening */

/** The browser's question for the microphone is open when it takes so long; where that is allowed, a server is slow. */
const ASKING = 700;

/** Nothing is wrong, and another time may do: somebody is busy, or not there. */
const UNANSWERED = ["busy", "congestion", "limit-reached", "no-answer", "no-capacity", "unavailable"];

/** As people write numbers, or a telephone link. What is no number is the name of other pages, such as `2nd-line`. */
const NUMBER = /^(tel:.*|[+*#(]?[\d\s().*#/-]+)$/i;

/** Somebody at another page has the call: neither missed nor a fault. */
const ELSEWHERE = "answered-elsewhere";

/**
 * @typedef {object} LineOptions
 * @property {import("../voice-client.js").DeviceOptions & { language: string }} device
 * @property {HTMLAudioElement} element
 * @property {(event: Happening) => void} happen
 * @property {(call: Call | null, event: string, detail: object) => void} tell what a page may want to know
 * @property {(error: CallError, outcome?: string) => string} explain an error that does not end the call,
 *   after the sentence of what it has come to
 * @property {(input: number, output: number) => void} showLevels
 * @property {(digit: string) => void} showDigit
 * @property {() => void} onDevices there are others
 * @property {() => boolean} mayRing whether a call that comes in finds nobody talking
 */

export class Line {
  /** @type {Call | null} the present call, or the last one */
  call = null;
  /** @type {CallError | null} why the last call failed */
  error = null;
  /** @type {Set<"hold" | "transfer">} what the gateway has said it does not do */
  missing = new Set();
  /** @type {AbortController | null} */
  #dialing = null;
  #restoring = false;
  #declined = false;
  #answered = false;

  /** @param {LineOptions} options */
  constructor(options) {
    this.options = options;
    this.device = new Device(options.device);
    this.device.on("incoming", (call) => this.#ring(call));
    this.device.on("restored", (call) => this.#takeUp(call));
    this.device.audio.on("deviceChange", options.onDevices);
    this.reachable = new Reachable(this.device, (error) => options.tell(null, "error", { error }));
  }

  /** Whether there is a call, or one is being placed, or may come back. */
  get busy() {
    return this.#restoring || this.#dialing !== null || this.device.calls.length > 0;
  }

  /** Whether the token grants it; without one the page has to say so. */
  get canTransfer() {
    return grantsTransfer(this.device.token);
  }

  /**
   * Takes up the call of this page before it was loaded again.
   *
   * @param {MediaTrackConstraints} [audio] of the microphone
   */
  async restore(audio) {
    this.#restoring = true;
    const over = () => (this.#restoring = false);
    await this.device.restore({ audio, element: this.options.element }).then(over, over);
  }

  /** Makes ready what takes time. */
  prepare() {
    void this.device.prepare();
  }

  /** @param {string} token for later calls; if the gateway refuses it, the old one counts on */
  async useToken(token) {
    try {
      await this.device.updateToken(token);
    } catch (error) {
      this.options.tell(null, "error", { error });
    }
  }

  /** @param {ConnectOptions} parameters */
  async dial(parameters) {
    const { happen, element } = this.options;
    if (this.#dialing) return;
    const dialing = (this.#dialing = new AbortController());
    this.#begin();
    const asking = setTimeout(async () => {
      const name = /** @type {PermissionName} */ ("microphone");
      const permission = await navigator.permissions?.query({ name }).catch(() => null); // not every browser tells
      if (permission?.state !== "granted") happen({ type: "waiting" });
    }, ASKING);
    /** @type {unknown} */
    let failure = null;
    try {
      this.#follow(await this.device.connect({ element, signal: dialing.signal, ...parameters }));
    } catch (error) {
      failure = error;
    }
    clearTimeout(asking);
    this.#dialing = null;
    // Told when all is over: a page may place its next call at once. It is refused where the call of the page before
    // has come back meanwhile, which is the one that is shown
    if (failure && !this.call) this.#fail(failure instanceof CallError ? failure : new CallError("internal", { original: failure }));
    else if (this.call) this.#progress(this.call.state);
  }

  /** @param {MediaTrackConstraints} [audio] of the microphone */
  async accept(audio) {
    const { call } = this;
    const { happen, element, explain } = this.options;
    if (call?.state !== "pending") return;
    try {
      happen({ type: "accept" });
      await call.accept({ audio, element });
      this.#answered = true;
    } catch (error) {
      if (call.end || !(error instanceof CallError)) return; // its end is told by itself
      happen({ type: "refused" });
      happen({ type: "notice", text: explain(error) });
    }
  }

  hangUp() {
    this.#declined = true;
    this.#dialing?.abort();
    this.device.disconnectAll();
  }

  async toggleHold() {
    const { call } = this;
    if (call) await this.#ask(call.held.local ? call.resume() : call.hold(), "hold");
  }

  /** @param {string} to a number, or under which name other pages are registered */
  async transfer(to) {
    const { happen } = this.options;
    if (!this.call) return;
    happen({ type: "transferring", on: true });
    await this.#ask(this.call.transfer(NUMBER.test(to) ? to : { identity: to }), "transfer");
    happen({ type: "transferring", on: false });
  }

  /**
   * For this call and later ones. The client forgets what is unplugged.
   *
   * @param {"input" | "output"} kind
   * @param {string} id
   */
  async choose(kind, id) {
    const { audio } = this.device;
    await this.#ask(kind === "input" ? audio.setInputDevice(id) : audio.setOutputDevice(id));
  }

  /**
   * Tells the gateway what the caller thinks of the call. If it does not hear it, nobody is the worse for it.
   *
   * @param {number} score of 1 to 5 stars
   * @param {string} issue
   */
  async rate(score, issue) {
    const stars = /** @type {1 | 2 | 3 | 4 | 5} */ (score);
    await this.call?.postFeedback(stars, issue || undefined).catch(() => {});
  }

  /**
   * What is refused without harm to the call is said in the panel.
   *
   * @param {Promise<unknown>} request
   * @param {"hold" | "transfer"} [feature] which not every gateway has
   */
  async #ask(request, feature) {
    try {
      await request;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (feature && error.name === "not-supported") this.missing.add(feature);
      // "This is not a number that can be called" alone would leave open what is with the call that runs
      const outcome = feature === "transfer" ? "transfer-failed" : "";
      this.options.happen({ type: "notice", text: this.options.explain(error, outcome) });
    }
  }

  #begin() {
    this.call = this.error = null;
    this.#declined = this.#answered = false;
  }

  /** @param {Call["state"]} state */
  #progress(state) {
    if (state === "connecting" || state === "ringing" || state === "open") {
      if (state === "open") this.#answered = true;
      this.options.happen({ type: "progress", state });
    }
  }

  /** @param {Call} call */
  #ring(call) {
    if (this.#dialing || this.device.calls.length > 1 || !this.options.mayRing()) {
      call.reject({ code: 486 });
      return;
    }
    this.#begin();
    this.#follow(call);
    this.options.happen({ type: "incoming" });
  }

  /** @param {Call} call of this page before it was loaded again */
  #takeUp(call) {
    const { happen } = this.options;
    this.#begin();
    happen({ type: "start" });
    this.#follow(call);
    this.#progress(call.state);
    happen({ type: "mute", on: call.isMuted() });
    happen({ type: "held", held: call.held });
    happen({ type: "reconnecting", on: true });
  }

  /** @param {Call} call */
  #follow(call) {
    const { happen, tell, explain, showLevels, showDigit } = this.options;
    this.call = call;
    call.on("state", (state) => {
      if (call.direction === "outgoing" || state === "open") this.#progress(state);
    });
    call.on("mute", (on) => happen({ type: "mute", on }));
    const held = () => happen({ type: "held", held: { ...call.held } });
    call.on("held", held).on("resumed", held);
    call.on("reconnecting", () => happen({ type: "reconnecting", on: true }));
    call.on("reconnected", () => happen({ type: "reconnecting", on: false }));
    call.on("warning", (name) => happen({ type: "warning", name, on: true }));
    call.on("warning-cleared", (name) => happen({ type: "warning", name, on: false }));
    call.on("volume", showLevels);
    call.on("dtmf", (digit, { direction }) => {
      if (direction === "sent") showDigit(digit);
      tell(call, "digit", { digit, direction });
    });
    call.on("quality", (quality) => {
      const known = [quality.browser.mos, quality.trunk.mos].filter((mos) => mos !== null);
      happen({ type: "quality", mos: known.length ? Math.min(...known) : null });
      tell(call, "quality", { quality });
    });
    call.on("error", (error) => {
      this.error = error;
      tell(call, "error", { error });
      if (!error.fatal) happen({ type: "notice", text: explain(error) });
    });
    call.on("disconnect", (_, end) => this.#finish(call, end));
  }

  /** @param {CallError} error before there was a call */
  #fail(error) {
    this.error = error;
    if (error.name === "canceled") this.#rest();
    else this.#end({ cause: spokenAs(error.name, error.sipCode), message: error.message, missed: false, rateable: false });
  }

  /**
   * @param {Call} call
   * @param {CallEnd} end
   */
  #finish(call, end) {
    const incoming = call.direction === "incoming";
    const elsewhere = end.cause === ELSEWHERE;
    const missed = incoming && !this.#answered && !this.#declined && !elsewhere;
    // Who gives up, or declines, knows why, and wants the panel out of the way
    if (!this.#answered && this.#declined) this.#rest();
    else {
      const rateable = this.#answered && !elsewhere;
      const lost = end.by === "local" && this.error?.fatal; // with the session, which would take the stars
      this.#end({ cause: spokenAs(end.cause, end.sipCode), message: end.message, missed, rateable }, !lost);
    }
  }

  /**
   * @param {Omit<import("./model.js").End, "kind">} end
   * @param {boolean} [feedback]
   */
  #end(end, feedback = true) {
    const known = UNANSWERED.includes(end.cause) ? "unanswered" : (ENDINGS[end.cause]?.kind ?? "failed");
    const kind = end.missed || end.cause === ELSEWHERE ? "normal" : known;
    this.options.happen({ type: "end", end: { ...end, kind }, feedback });
  }

  #rest() {
    const end = /** @type {const} */ ({ cause: "canceled", kind: "canceled", message: "", missed: false, rateable: false });
    this.options.happen({ type: "end", end, feedback: false });
    this.options.happen({ type: "close" });
  }
}
