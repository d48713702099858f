// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * One call: what the page may do with it, its frames, its one way out. Every ending goes through
 * `#finish`, which runs once; whatever comes later (a second hang-up, frames that crossed on the way)
 * finds the call closed. How far it has come, its audio and its requests are classes of their own.
 */

import { checkDigits } from "./digits.js";
import { Emitter } from "./emitter.js";
import { CallError, errorFromFrame, errorOfEnd } from "./errors.js";
import { complete, endFromError, endFromFrame, endFromHere, endOfRejection, kindOf } from "./errors.js";
import { checkFeedback } from "./feedback.js";
import { CALL_NAMES, CALL_STATES, named } from "./names.js";
import { Negotiation } from "./negotiation.js";
import { Progress } from "./progress.js";
import { qualityFromFrame } from "./quality.js";
import { Requests } from "./requests.js";

/** @typedef {import("./call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./call-types.js").CallEvents} CallEvents */
/** @typedef {import("./call-types.js").CallSetup} CallSetup */
/** @typedef {import("./call-types.js").Emit} Emit */
/** @typedef {import("./errors.js").CallEnd} CallEnd */
/** @typedef {import("./frames.js").Frame} Frame */

/** What a call emits, and what others call that which it does. */
const Base = /** @type {new () => Emitter<CallEvents> & import("./names.js").CallNames} */ (named(Emitter, CALL_NAMES));

export class Call extends Base {
  /** As Twilio's: the words of `status()`. */
  static State = CALL_STATES;

  #setup;
  #negotiation;
  #sound;
  /** @type {Emit} */
  #emit = (event, ...args) => this.emit(event, ...args);
  #progress = new Progress(this.#emit);
  #requests = new Requests({
    send: (frame) => this.#send(frame),
    onHeld: (by) => this.#hold("held", by),
    onResumed: (by) => this.#hold("resumed", by),
    onProgress: (stage) => this.emit("transferprogress", stage),
    onRedirect: (event, { codec }, redirection) => {
      if (event === "redirected") this.#progress.speak(codec);
      this.emit(event, redirection, this);
    },
  });
  /** @type {Promise<void> | null} */
  #accepting = null;

  /**
   * Calls are made by `Device.connect`, and by the gateway where the device is registered.
   *
   * @param {CallSetup} setup
   */
  constructor(setup) {
    super();
    const { id, to, from = null, displayName = null, headers = {}, restored } = setup;
    const incoming = restored ? restored.known.direction === "incoming" : id !== undefined;
    /** @type {"outgoing" | "incoming"} */
    this.direction = incoming ? "incoming" : "outgoing";
    this.id = id ?? crypto.randomUUID();
    this.to = to;
    this.from = from;
    this.displayName = displayName;
    this.headers = Object.freeze({ ...headers });
    this.#setup = setup;
    this.#negotiation = new Negotiation(setup, {
      emit: this.#emit,
      send: (frame) => this.#send(frame),
      held: () => this.held.local,
      expectsAudio: () => this.#progress.audible && !this.#requests.silent,
      onOffered: () => this.#offered(),
      onError: (error) => this.emit("error", error, this),
      onFailed: (error) => this.#failAudio(error),
      onLost: (error) => this.emit("reconnecting", error, this),
      onBack: () => this.emit("reconnected", this),
    });
    this.#sound = this.#negotiation.sound;
    if (restored) {
      this.#progress.restore(restored.known);
      this.#requests.restore(restored.known.held);
      this.#sound.mute(restored.muted);
    } else if (incoming) {
      this.#progress.hear();
    }
    if (incoming || restored) this.#attach();
  }

  /** As Twilio's: who calls whom, by its names. */
  get parameters() {
    return { CallSid: this.id, From: this.from ?? "", To: this.to };
  }

  /** As Twilio's: the SIP headers of the call. */
  get customParameters() {
    return new Map(Object.entries(this.headers));
  }

  get state() {
    return this.#progress.state;
  }

  /** Codec of either leg, once the call was answered. */
  get codec() {
    return this.#progress.codec;
  }

  /** How the call ended; null while it lives. */
  get end() {
    return this.#progress.end;
  }

  /** Since the answer; stands still after the end. */
  get durationMs() {
    return this.#progress.durationMs;
  }

  /** The element that plays the call; null before an incoming call is accepted, as the streams are. */
  get audioElement() {
    return this.#sound.media?.element ?? null;
  }

  get localStream() {
    return this.#sound.media?.microphone ?? null;
  }

  get remoteStream() {
    return this.#sound.media?.remote ?? null;
  }

  /** Who holds the call: `{ local, remote }`. Both sides may at once. */
  get held() {
    return this.#requests.held;
  }

  /** Whether this page has the call: it has placed it, or takes it. */
  get taken() {
    return this.direction === "outgoing" || this.#accepting !== null || this.state !== "pending";
  }

  /** Whether the gateway or the audio is lost for now. */
  get reconnecting() {
    return this.#negotiation.recovery.active;
  }

  /** Whether it is an incoming call that has not been answered here. */
  get #calling() {
    return this.direction === "incoming" && !this.#progress.answered;
  }

  /** Sends the offer of an outgoing call; candidates follow as they are found. */
  async start() {
    if (this.end) return; // given up before
    this.#attach();
    const { to, from, displayName, headers } = this.#setup;
    await this.#negotiation.offer({ type: "call", to, from, displayName, headers });
  }

  /** Brings the audio of a call of an earlier page back. */
  recover() {
    this.#negotiation.recovery.begin();
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
      if (this.state === "pending") this.#accepting = null;
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
    if (this.end) return;
    if (!this.#calling || this.state !== "pending") throw this.#misuse("reject");
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
    if (!cause && this.#calling && this.state === "pending") {
      this.reject();
      return;
    }
    const taken = this.state === "open" || this.direction === "incoming";
    this.#hangup(endFromHere(cause ?? (taken ? "hangup" : "canceled")));
  }

  /** @param {boolean} [muted] */
  mute(muted = true) {
    if (this.end || muted === this.#sound.muted) return;
    this.#sound.mute(muted);
    this.emit("mute", muted, this);
  }

  isMuted() {
    return this.#sound.muted;
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
   * Hands the other side over to a number, to the other side of another call of this device, or to
   * another page: the first of an identity that accepts.
   *
   * @param {string | Call | { identity: string }} target
   * @returns {Promise<import("./requests.js").Stage>} how the new phone answered; then this call ends
   * @throws {CallError} `transfer-failed` and others, with the `sipCode` of the new phone; the call goes on
   */
  async transfer(target) {
    this.#mustBeOpen("transfer");
    if (target instanceof Call) target.#mustBeOpen("transfer");
    if (target instanceof Call) return this.#requests.transfer({ replaces: target.id });
    return this.#requests.transfer(typeof target === "object" && target ? target : { to: target });
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
    if (this.state !== "open" && this.state !== "ringing") {
      throw new CallError("invalid-state", { reason: `no digits in state ${this.state}`, fatal: false });
    }
    this.#sound.dial(tones);
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
    return this.#connected("getStats").media.rtc.getStats();
  }

  /**
   * Tells whoever runs the gateway how the call was, while it runs or within minutes after its end. A
   * second time takes the first one's place; without a score nothing is told.
   *
   * @param {1 | 2 | 3 | 4 | 5} [score] 1 is bad
   * @param {string} [issue] what was wrong, in up to 1000 characters
   * @returns {Promise<void>} once the gateway has it
   * @throws {CallError} `invalid-argument`, or why the gateway does not have it; never the call's end
   */
  async postFeedback(score, issue) {
    const feedback = checkFeedback(score, issue);
    if (feedback) await this.#setup.signaling.ask({ type: "feedback", call: this.id, ...feedback }, "feedbackTaken");
  }

  /** @param {AcceptOptions} options */
  async #accept(options) {
    if (!this.#setup.prepare) throw this.#misuse("accept");
    await this.#negotiation.accept(options);
  }

  #attach() {
    const { recovery } = this.#negotiation;
    this.#setup.signaling.attach(this.id, {
      receive: (frame) => this.#receive(frame),
      lost: (error) => this.#fail(error, "local"),
      interrupted: (error) => recovery.interrupted(error),
      back: () => recovery.back(),
    });
  }

  #offered() {
    this.#progress.move("connecting");
    this.#progress.wait(() => this.#fail(new CallError("gateway-silent"), "local"));
  }

  /**
   * @param {"held" | "resumed"} event
   * @param {"local" | "remote"} by
   */
  #hold(event, by) {
    this.#sound.silence();
    this.emit(event, by, this);
  }

  /** @type {Readonly<Record<string, (frame: Frame) => void>>} by type */
  #handlers = {
    trying: () => {},
    ringing: (frame) => this.#progress.ring(frame.earlyMedia === true),
    answer: (frame) => this.#negotiation.answer(frame),
    candidate: (frame) => void this.#sound.connection?.addCandidate(frame.candidate),
    answered: (frame) => this.#answered(frame.codec),
    dtmf: (frame) => this.#digit(frame),
    quality: (frame) => this.emit("quality", qualityFromFrame(frame)),
    ended: (frame) => this.#finish(endFromFrame(frame, this.#calling)),
    error: (frame) => this.#refused(frame),
  };

  /** @param {Frame} frame */
  #receive(frame) {
    if (frame.type !== "error") this.#progress.hear();
    (this.#handlers[frame.type] ?? this.#requests.handlers[frame.type])?.(frame);
  }

  /** @param {unknown} codec */
  #answered(codec) {
    if (this.state === "open") return;
    this.#progress.answer(codec);
    this.emit("accept", this);
  }

  /** @param {Frame} frame */
  #digit(frame) {
    const duration = typeof frame.duration === "number" ? frame.duration : null;
    if (typeof frame.digit === "string") this.emit("dtmf", frame.digit, { direction: "received", duration });
  }

  /** @param {Frame} frame an `error` that names this call; before any other word it ends the call */
  #refused(frame) {
    if (this.#negotiation.isLate(frame)) return;
    const error = errorFromFrame(frame, !this.#progress.heard);
    const restart = frame.id !== undefined; // whatever the gateway calls it
    if (restart || error.name === "restart-failed") this.#negotiation.refused(error, restart);
    else if (this.#calling && this.state === "connecting" && !this.#sound.connection?.answered) this.#refuse(error);
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
    const reason = `${what}: not possible with an ${this.direction} call that is ${this.state}`;
    return new CallError("invalid-state", { reason, fatal: false });
  }

  /** @param {string} what */
  #mustBeOpen(what) {
    if (this.state !== "open") throw this.#misuse(what);
  }

  /** @param {string} what */
  #connected(what) {
    if (!this.#sound.connection) throw this.#misuse(what);
    return this.#sound.connection;
  }

  /** @param {{ type: string, [field: string]: unknown }} frame */
  #send({ type, ...fields }) {
    this.#setup.signaling.send({ type, call: this.id, ...fields });
  }

  /** @param {CallError} error why there is no audio. A call that rings need not wait for this page */
  #failAudio(error) {
    if (this.#calling && this.state === "pending") this.#send({ type: "reject", code: 480 });
    this.#fail(error, "local");
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
    if (this.end) return;
    if (this.state !== "pending") this.#send({ type: "hangup" });
    this.#finish(end, error, this.durationMs);
  }

  /**
   * Frames first, then media, then the page: when it hears of the end, nothing is open any more.
   *
   * @param {CallEnd} end
   * @param {CallError} [error]
   * @param {number} [durationMs] where the end does not tell
   */
  #finish(end, error, durationMs) {
    if (this.end) return;
    const calling = this.#calling;
    const final = complete(end, { refusals: this.#sound.media?.refusals ?? "", durationMs });
    this.#progress.finish(final);
    this.#setup.signaling.detach(this.id);
    this.#negotiation.close(errorOfEnd(final));
    this.#progress.move("closed");
    this.#requests.close(end);
    const kind = kindOf(end, calling);
    if (kind === "canceled") this.emit("cancel", this, final);
    if (kind === "refused") this.emit("reject", this, final);
    if (error || kind === "failed") this.emit("error", error ?? errorOfEnd(end), this);
    this.emit("disconnect", this, final);
  }
}
