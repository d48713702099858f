// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * One call: its state, its frames, its one way out. Every ending goes through `#finish`, which runs
 * once; whatever comes later (a second hang-up, frames that crossed on the way) finds the call closed.
 */

import { Connection } from "./connection.js";
import { checkDigits, isHeard } from "./digits.js";
import { Emitter } from "./emitter.js";
import { CallError, ENDINGS, errorFromFrame } from "./errors.js";
import { endFromError, endFromFrame, endOfRejection, explained, kindOf } from "./errors.js";
import { closeMicrophone } from "./microphone.js";
import { qualityFromFrame } from "./quality.js";
import { Requests } from "./requests.js";

/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./call-types.js").CallEvents} CallEvents */
/** @typedef {import("./call-types.js").CallSetup} CallSetup */
/** @typedef {import("./call-types.js").CallState} CallState */
/** @typedef {import("./call-types.js").Codecs} Codecs */
/** @typedef {import("./call-types.js").Source} Source */
/** @typedef {import("./errors.js").CallEnd} CallEnd */
/** @typedef {import("./signaling.js").Frame} Frame */

/** @type {readonly CallState[]} a call only moves forward */
const STATES = ["pending", "connecting", "ringing", "open", "closed"];

/** From the offer to the gateway's first word. */
const TRYING_TIMEOUT = 10_000;

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  /** @type {CallSetup} */
  #setup;
  /** @type {Connection | null} an incoming call has none until it is accepted */
  #connection = null;
  #requests;
  /** @type {CallState} */
  #state = "pending";
  /** @type {Codecs | null} */
  #codec = null;
  /** @type {CallEnd | null} */
  #end = null;
  /** @type {Promise<void> | null} */
  #accepting = null;
  #earlyMedia = false;
  #heard = false;
  #muted = false;
  /** @type {number | null} performance.now() at the answer */
  #acceptedAt = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} until the gateway's first word */
  #timer;

  /**
   * Calls are made by `Device.connect`, and by the gateway where the device is registered.
   *
   * @param {CallSetup} setup
   */
  constructor(setup) {
    super();
    const { id, to, from = null, displayName = null, headers = {} } = setup;
    /** @type {"outgoing" | "incoming"} */
    this.direction = id === undefined ? "outgoing" : "incoming";
    this.id = id ?? crypto.randomUUID();
    this.to = to;
    this.from = from;
    this.displayName = displayName;
    this.headers = Object.freeze({ ...headers });
    this.#setup = setup;
    this.#requests = new Requests({
      send: (frame) => this.#send(frame),
      onHeld: (by) => this.#hold("held", by),
      onResumed: (by) => this.#hold("resumed", by),
      onProgress: (stage) => this.emit("transferprogress", stage),
    });
    if (setup.source) this.#connect(setup.source);
    if (this.direction === "incoming") {
      this.#heard = true;
      this.#attach();
    }
  }

  /** @returns {CallState} */
  get state() {
    return this.#state;
  }

  /** Codec of either leg, once the call was answered. */
  get codec() {
    return this.#codec;
  }

  /** How the call ended; null while it lives. */
  get end() {
    return this.#end;
  }

  /** Since the answer; stands still after the end. */
  get durationMs() {
    if (this.#end) return this.#end.durationMs;
    return this.#acceptedAt === null ? 0 : Math.round(performance.now() - this.#acceptedAt);
  }

  /** The element that plays the call; null before an incoming call is accepted, as the streams are. */
  get audioElement() {
    return this.#connection?.media.element ?? null;
  }

  get localStream() {
    return this.#connection?.media.microphone ?? null;
  }

  get remoteStream() {
    return this.#connection?.media.remote ?? null;
  }

  /** Who holds the call: `{ local, remote }`. Both sides may at once. */
  get held() {
    return this.#requests.held;
  }

  /** Whether it is an incoming call that has not been answered here. */
  get #calling() {
    return this.direction === "incoming" && this.#acceptedAt === null;
  }

  /** Sends the offer of an outgoing call; candidates follow as they are found. */
  async start() {
    if (this.#end) return; // given up before
    this.#attach();
    const { to, from, displayName, headers } = this.#setup;
    await this.#offer({ type: "call", to, from, displayName, headers });
  }

  /**
   * Takes an incoming call. Resolves when the offer is on its way; the call is `open` with the event
   * `accept`, unless another page was first. A second time is harmless.
   *
   * @param {AcceptOptions} [options]
   * @throws {CallError} whatever hinders it before that. If it is not `fatal`, the call rings on:
   *   the microphone can be allowed, and `accept` tried again
   */
  accept(options = {}) {
    this.#accepting ??= this.#accept(options).finally(() => {
      if (this.#state === "pending") this.#accepting = null;
    });
    return this.#accepting;
  }

  /**
   * Refuses an incoming call on this page; it rings on at the others of the same identity.
   *
   * @param {{ code?: 480 | 486 | 603 }} [options] what the caller is told, if this page was the last one
   * @throws {CallError} `invalid-argument`, `invalid-state` (not ringing, or not here)
   */
  reject({ code } = {}) {
    if (this.#end) return;
    if (!this.#calling || this.#state !== "pending") throw this.#misuse("reject");
    const end = endOfRejection(code);
    this.#send({ type: "reject", code });
    this.#finish(end);
  }

  /**
   * Hangs up, gives up while the phone still rings, or rejects. Harmless when the call is over.
   *
   * @param {string} [cause]
   */
  disconnect(cause) {
    if (!cause && this.#calling && this.#state === "pending") {
      this.reject();
      return;
    }
    const taken = this.#state === "open" || this.direction === "incoming";
    const ending = cause ?? (taken ? "hangup" : "canceled");
    const message = ending === "hangup" ? "You ended the call." : ENDINGS[ending].message;
    this.#hangup({ by: "local", cause: ending, sipCode: null, reason: "", message, durationMs: 0 });
  }

  /** Another name for `disconnect`. */
  hangup() {
    this.disconnect();
  }

  /** Another name for `disconnect`. */
  terminate() {
    this.disconnect();
  }

  /** @param {boolean} [muted] */
  mute(muted = true) {
    if (this.#end || muted === this.#muted) return;
    this.#muted = muted;
    this.#silence();
    this.emit("mute", muted, this);
  }

  unmute() {
    this.mute(false);
  }

  toggleMute() {
    this.mute(!this.isMuted());
  }

  isMuted() {
    return this.#muted;
  }

  /**
   * Puts the call on hold: the other side hears what the gateway plays, and nothing of this page.
   *
   * @returns {Promise<void>} once the other side's phone has taken it
   * @throws {CallError} `hold-refused` and others, none of which ends the call
   */
  async hold() {
    this.#mustBeOpen("hold");
    await this.#requests.hold(true);
  }

  /**
   * Takes the call back from hold; that the other side holds it stays as it is.
   *
   * @returns {Promise<void>}
   * @throws {CallError} `resume-refused` and others, none of which ends the call
   */
  async resume() {
    this.#mustBeOpen("resume");
    await this.#requests.hold(false);
  }

  /**
   * Hands the other side over to a number, or to the other side of another call of this device.
   *
   * @param {string | Call} target
   * @returns {Promise<import("./requests.js").Stage>} how the new phone answered; then this call ends
   * @throws {CallError} `transfer-failed` and others, with the `sipCode` of the new phone; the call goes on
   */
  async transfer(target) {
    this.#mustBeOpen("transfer");
    if (target instanceof Call) target.#mustBeOpen("transfer");
    return this.#requests.transfer(target instanceof Call ? { replaces: target.id } : { to: target });
  }

  /**
   * Sends DTMF: in the audio stream (RFC 4733) where the gateway agreed to that, else as a message.
   * Digits queue behind those still being sent.
   *
   * @param {string} digits 0-9, A-D, * and #, and the pauses "," (2 s) and "w" (half a second), up to 64 of them
   * @param {import("./digits.js").DigitOptions} [options] 100 ms and 70 ms unless given
   * @throws {CallError} `invalid-argument`, `invalid-state` (neither ringing nor open)
   */
  sendDigits(digits, options = {}) {
    const tones = checkDigits(digits, options);
    if (this.#state !== "open" && this.#state !== "ringing") {
      throw new CallError("invalid-state", { message: `no digits in state ${this.#state}`, fatal: false });
    }
    // A browser knows the comma as a pause, and no other (WebRTC 1.0 section 7.2): the gateway knows both
    const media = this.#connection?.media;
    if (!tones.digits.includes("W") && media?.insertDigits(tones.digits, tones.duration, tones.gap)) return;
    this.#send({ type: "dtmf", ...tones });
    for (const digit of [...tones.digits].filter(isHeard)) {
      this.emit("dtmf", digit, { direction: "sent", duration: tones.duration });
    }
  }

  /**
   * Another name for `sendDigits`.
   *
   * @param {string} digits
   * @param {import("./digits.js").DigitOptions} [options]
   */
  sendDTMF(digits, options) {
    this.sendDigits(digits, options);
  }

  /**
   * @param {string} id of an audio input, from navigator.mediaDevices.enumerateDevices(); "" is the default one
   * @throws {CallError} `microphone-…`; the call goes on with the old one
   */
  async setInputDevice(id) {
    await this.#connected("setInputDevice").setInputDevice(id);
  }

  /** @param {string} id of an audio output; "" is the default one */
  async setSinkId(id) {
    await this.#connected("setSinkId").media.setSinkId(id);
  }

  /** @returns {Promise<RTCStatsReport>} */
  async getStats() {
    return this.#connected("getStats").media.peer.getStats();
  }

  /** @param {AcceptOptions} options */
  async #accept({ audio, element }) {
    const { prepare } = this.#setup;
    if (!prepare) throw this.#misuse("accept");
    this.#setup = { ...this.#setup, audio: { ...this.#setup.audio, ...audio }, element };
    /** @type {Source | null} */
    let source = null;
    try {
      this.#mustLive();
      source = await prepare(this.#setup.audio ?? {});
      this.#mustLive();
      this.#connect(source);
      await this.#offer({ type: "accept" });
      this.#mustLive();
    } catch (error) {
      // While the call rings on, no microphone stays open.
      if (source) closeMicrophone(source.microphone);
      if (!this.#end) {
        this.#connection?.close();
        this.#connection = null;
        if (error instanceof CallError) error.fatal = false;
      }
      throw error;
    }
  }

  #attach() {
    this.#setup.signaling.attach(this.id, {
      receive: (frame) => this.#receive(frame),
      lost: (error) => this.#fail(error, "local"),
    });
  }

  /** @param {Source} source */
  #connect(source) {
    this.#connection = new Connection({
      ...source,
      audio: this.#setup.audio,
      element: this.#setup.element,
      expectsAudio: () => !this.#requests.silent && (this.#state === "open" || this.#earlyMedia),
      onCandidate: (candidate) => this.#send({ type: "candidate", candidate }),
      onTone: (digit) => isHeard(digit) && this.emit("dtmf", digit, { direction: "sent", duration: null }),
      onVolume: (input, output) => this.emit("volume", input, output),
      onSample: (sample) => this.emit("sample", sample),
      onWarning: (name, active, data) =>
        active ? this.emit("warning", name, data) : this.emit("warning-cleared", name),
      onError: (error) => this.emit("error", error, this),
      onFailed: (error) => this.#fail(error, "local"),
    });
    this.#silence();
  }

  /** @param {Frame} frame the first one about this call */
  async #offer(frame) {
    const { media } = this.#connected("start");
    const offer = await media.createOffer();
    if (this.#end) return;
    this.#send({ ...frame, offer });
    this.#move("connecting");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fail(new CallError("gateway-silent"), "local"), TRYING_TIMEOUT);
    media.releaseCandidates();
  }

  /** The microphone is heard unless it is muted, or this side holds the call. */
  #silence() {
    this.#connection?.media.mute(this.#muted || this.held.local);
  }

  /**
   * @param {"held" | "resumed"} event
   * @param {"local" | "remote"} by
   */
  #hold(event, by) {
    this.#silence();
    this.emit(event, by, this);
  }

  /** @type {Readonly<Record<string, (frame: Frame) => void>>} by type */
  #handlers = {
    trying: () => {},
    ringing: (frame) => this.#ringing(frame.earlyMedia === true),
    answer: (frame) => void this.#connection?.answer(frame.answer),
    candidate: (frame) => void this.#connection?.addCandidate(frame.candidate),
    answered: (frame) => this.#answered(frame.codec),
    dtmf: (frame) => this.#digit(frame),
    quality: (frame) => this.emit("quality", qualityFromFrame(frame)),
    ended: (frame) => this.#finish(endFromFrame(frame, this.#calling)),
    error: (frame) => this.#refused(frame),
  };

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.type !== "error") {
      this.#heard = true;
      clearTimeout(this.#timer);
    }
    (this.#handlers[frame.type] ?? this.#requests.handlers[frame.type])?.(frame);
  }

  /** @param {boolean} earlyMedia 180 and 183 may alternate */
  #ringing(earlyMedia) {
    if (this.#state === "open" || (this.#state === "ringing" && earlyMedia === this.#earlyMedia)) return;
    this.#earlyMedia = earlyMedia;
    this.#move("ringing");
    this.emit("ringing", earlyMedia);
  }

  /** @param {unknown} codec */
  #answered(codec) {
    if (this.#state === "open") return;
    const { browser, trunk } = /** @type {Partial<Codecs>} */ (codec ?? {});
    this.#codec = { browser: browser ?? "", trunk: trunk ?? "" };
    this.#acceptedAt = performance.now();
    this.#move("open");
    this.emit("accept", this);
  }

  /** @param {Frame} frame */
  #digit(frame) {
    const duration = typeof frame.duration === "number" ? frame.duration : null;
    if (typeof frame.digit === "string") this.emit("dtmf", frame.digit, { direction: "received", duration });
  }

  /** @param {Frame} frame an `error` that names this call; before any other word it ends the call */
  #refused(frame) {
    const error = errorFromFrame(frame, !this.#heard);
    if (this.#calling && this.#state === "connecting" && !this.#connection?.answered) this.#refuse(error);
    else if (error.fatal) this.#fail(error, "gateway");
    else if (!this.#requests.refused(error)) this.emit("error", error, this);
  }

  /** @param {CallError} error why this page may not take the call, which rings on at the gateway */
  #refuse(error) {
    this.#send({ type: "reject", code: 480 });
    this.#finish(endFromError(error, "gateway"), error);
  }

  /** @param {string} what */
  #misuse(what) {
    const message = `${what}: not possible with an ${this.direction} call that is ${this.#state}`;
    return new CallError("invalid-state", { message, fatal: false });
  }

  /** @param {string} what */
  #mustBeOpen(what) {
    if (this.#state !== "open") throw this.#misuse(what);
  }

  #mustLive() {
    if (this.#end) throw new CallError(this.#end.cause, { message: this.#end.message, sipCode: this.#end.sipCode });
  }

  /** @param {string} what */
  #connected(what) {
    if (!this.#connection) throw this.#misuse(what);
    return this.#connection;
  }

  /** @param {CallState} state */
  #move(state) {
    const previous = this.#state;
    if (STATES.indexOf(state) <= STATES.indexOf(previous)) return;
    this.#state = state;
    this.emit("state", state, previous);
  }

  /** @param {{ type: string, [field: string]: unknown }} frame */
  #send({ type, ...fields }) {
    this.#setup.signaling.send({ type, call: this.id, ...fields });
  }

  /**
   * @param {CallError} error
   * @param {CallEnd["by"]} by
   */
  #fail(error, by) {
    this.#hangup(endFromError(error, by), error);
  }

  /**
   * Ends the call from this side, so the gateway is told.
   *
   * @param {CallEnd} end
   * @param {CallError} [error]
   */
  #hangup(end, error) {
    if (this.#end) return;
    if (this.#state !== "pending") this.#send({ type: "hangup" });
    this.#finish({ ...end, durationMs: this.durationMs }, error);
  }

  /**
   * Frames first, then media, then the page: when it hears of the end, nothing is open any more.
   *
   * @param {CallEnd} end
   * @param {CallError} [error]
   */
  #finish(end, error) {
    if (this.#end) return;
    const calling = this.#calling;
    this.#end = Object.freeze(explained(end, this.#connection?.media.refusals ?? ""));
    clearTimeout(this.#timer);
    this.#setup.signaling.detach(this.id);
    this.#connection?.close();
    this.#move("closed");
    this.#requests.close(end);
    const kind = kindOf(end, calling);
    if (kind === "canceled") this.emit("cancel", this, this.#end);
    if (kind === "refused") this.emit("reject", this, this.#end);
    const { cause, sipCode, message } = end;
    if (error || kind === "failed") this.emit("error", error ?? new CallError(cause, { sipCode, message }), this);
    this.emit("disconnect", this, this.#end);
  }
}
