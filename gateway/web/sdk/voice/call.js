// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * One call: its state, its frames, its one way out. Every ending goes through `#finish`, which runs
 * once; whatever comes later (a second hang-up, frames that crossed on the way) finds the call closed.
 */

import { checkDigits, isHeard } from "./digits.js";
import { Emitter } from "./emitter.js";
import { CallError, endFromError, endFromFrame, ENDINGS, errorFromFrame, kindOf } from "./errors.js";
import { Media } from "./media.js";
import { openMicrophone } from "./microphone.js";
import { Monitor } from "./monitor.js";
import { qualityFromFrame } from "./quality.js";

/** @typedef {import("./call-types.js").CallEvents} CallEvents */
/** @typedef {import("./call-types.js").CallSetup} CallSetup */
/** @typedef {import("./call-types.js").CallState} CallState */
/** @typedef {import("./call-types.js").Codecs} Codecs */
/** @typedef {import("./errors.js").CallEnd} CallEnd */
/** @typedef {import("./signaling.js").Frame} Frame */

/** @type {readonly CallState[]} a call only moves forward */
const STATES = ["pending", "connecting", "ringing", "open", "closed"];

const NO_WAY = "The browser found no address to send from: no TURN server gave one.";

/** From the offer to the gateway's first word. */
const TRYING_TIMEOUT = 10_000;
/** From the answer to a working ICE and DTLS connection; browsers themselves take up to 30 s to give up. */
const MEDIA_TIMEOUT = 20_000;

/** @extends {Emitter<CallEvents>} */
export class Call extends Emitter {
  /** @type {CallSetup} */
  #setup;
  /** @type {Media} */
  #media;
  /** @type {Monitor} */
  #monitor;
  /** @type {CallState} */
  #state = "pending";
  /** @type {Codecs | null} */
  #codec = null;
  /** @type {CallEnd | null} */
  #end = null;
  #earlyMedia = false;
  #heard = false;
  #answering = false;
  #connected = false;
  /** @type {number | null} performance.now() at the answer */
  #acceptedAt = null;
  /** @type {Set<string>} those raised and not yet cleared */
  #warnings = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} one wait at a time: first word, then media */
  #timer;

  /**
   * Calls are made by `Device.connect`.
   *
   * @param {CallSetup} setup
   */
  constructor(setup) {
    super();
    this.id = crypto.randomUUID();
    this.to = setup.to;
    /** @type {"outgoing"} */
    this.direction = "outgoing";
    this.#setup = setup;
    this.#media = new Media({
      microphone: setup.microphone,
      configuration: setup.configuration,
      element: setup.element,
      onCandidate: (candidate) => this.#send({ type: "candidate", candidate }),
      onState: (state) => this.#connection(state),
      onTone: (digit) => isHeard(digit) && this.emit("dtmf", digit, { direction: "sent", duration: null }),
      onBlocked: (blocked) => this.#warn("playback-blocked", blocked),
      onMicrophoneLost: () => this.#warn("microphone-lost", true),
      onNoWay: () => this.#fail(new CallError("media-failed", { message: NO_WAY }), "local"),
    });
    this.#monitor = new Monitor({
      media: this.#media,
      expectsAudio: () => this.#state === "open" || this.#earlyMedia,
      onVolume: (input, output) => this.emit("volume", input, output),
      onSample: (sample) => this.emit("sample", sample),
      onWarning: ({ name, active, ...data }) => this.#warn(name, active, data),
    });
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

  /** The element that plays the call. */
  get audioElement() {
    return this.#media.element;
  }

  get localStream() {
    return this.#media.microphone;
  }

  get remoteStream() {
    return this.#media.remote;
  }

  /** Sends the offer; candidates follow as they are found. */
  async start() {
    if (this.#end) return; // given up before
    const { signaling, to, fields } = this.#setup;
    signaling.attach(this.id, {
      receive: (frame) => this.#receive(frame),
      lost: (error) => this.#fail(error, "local"),
    });
    const offer = await this.#media.createOffer();
    if (this.#end) return;
    this.#send({ type: "call", to, offer, ...fields });
    this.#move("connecting");
    this.#wait(TRYING_TIMEOUT, "gateway-silent");
    this.#media.releaseCandidates();
  }

  /**
   * Hangs up, or gives up while the phone still rings. Harmless when the call is over.
   *
   * @param {string} [cause]
   */
  disconnect(cause) {
    const ending = cause ?? (this.#state === "open" ? "hangup" : "canceled");
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
    if (this.#end || muted === this.#media.muted) return;
    this.#media.mute(muted);
    this.emit("mute", muted, this);
  }

  unmute() {
    this.mute(false);
  }

  toggleMute() {
    this.mute(!this.isMuted());
  }

  isMuted() {
    return this.#media.muted;
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
    if (!tones.digits.includes("W") && this.#media.insertDigits(tones.digits, tones.duration, tones.gap)) return;
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
    const device = id ? { deviceId: { exact: id } } : { deviceId: undefined };
    const microphone = await openMicrophone({ ...this.#setup.audio, ...device });
    if (this.#end) {
      microphone.getTracks().forEach((track) => track.stop());
      return;
    }
    await this.#media.replaceMicrophone(microphone);
    this.#warn("microphone-lost", false);
    this.#monitor.follow();
  }

  /** @param {string} id of an audio output; "" is the default one */
  async setSinkId(id) {
    await this.#media.setSinkId(id);
  }

  /** @returns {Promise<RTCStatsReport>} */
  getStats() {
    return this.#media.peer.getStats();
  }

  /**
   * @param {string} name
   * @param {boolean} active
   * @param {object} [data]
   */
  #warn(name, active, data = {}) {
    if (this.#end || active === this.#warnings.has(name)) return;
    if (active) {
      this.#warnings.add(name);
      this.emit("warning", name, data);
    } else {
      this.#warnings.delete(name);
      this.emit("warning-cleared", name);
    }
  }

  /** @type {Readonly<Record<string, (frame: Frame) => void>>} by type */
  #handlers = {
    trying: () => {},
    ringing: (frame) => this.#ringing(frame.earlyMedia === true),
    answer: (frame) => void this.#answer(frame.answer),
    candidate: (frame) => void this.#candidate(frame.candidate),
    answered: (frame) => this.#answered(frame.codec),
    dtmf: (frame) => this.#digit(frame),
    quality: (frame) => this.emit("quality", qualityFromFrame(frame)),
    ended: (frame) => this.#finish(endFromFrame(frame)),
    error: (frame) => this.#refused(frame),
  };

  /** @param {Frame} frame */
  #receive(frame) {
    if (!this.#heard && frame.type !== "error") {
      this.#heard = true;
      clearTimeout(this.#timer);
    }
    this.#handlers[frame.type]?.(frame);
  }

  /** @param {boolean} earlyMedia 180 and 183 may alternate */
  #ringing(earlyMedia) {
    if (this.#state === "open" || (this.#state === "ringing" && earlyMedia === this.#earlyMedia)) return;
    this.#earlyMedia = earlyMedia;
    this.#move("ringing");
    this.emit("ringing", earlyMedia);
  }

  /** @param {unknown} answer */
  async #answer(answer) {
    if (this.#answering) return;
    this.#answering = true;
    const sdp = /** @type {{ sdp?: unknown } | null} */ (answer)?.sdp;
    if (typeof sdp !== "string") {
      this.#fail(new CallError("protocol", { message: "The gateway's answer has no sdp." }), "local");
      return;
    }
    this.#wait(MEDIA_TIMEOUT, "media-failed");
    try {
      await this.#media.setAnswer({ type: "answer", sdp });
      if (!this.#end) this.#monitor.follow();
    } catch (error) {
      const message = `The gateway's answer cannot be used: ${error instanceof Error ? error.message : error}`;
      this.#fail(new CallError("protocol", { message, original: error }), "local");
    }
  }

  /** @param {unknown} candidate */
  async #candidate(candidate) {
    try {
      await this.#media.addCandidate(/** @type {RTCIceCandidateInit | null} */ (candidate ?? null));
    } catch (error) {
      // One bad candidate of several is no reason to end a call.
      if (this.#end) return;
      const message = `The gateway's candidate cannot be used: ${JSON.stringify(candidate)}`;
      this.emit("error", new CallError("protocol", { message, fatal: false, original: error }), this);
    }
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
    if (error.fatal) this.#fail(error, "gateway");
    else this.emit("error", error, this);
  }

  /** @param {RTCPeerConnectionState} state */
  #connection(state) {
    if (state === "connected") {
      this.#connected = true;
      clearTimeout(this.#timer);
    } else if (state === "failed") {
      this.#fail(new CallError(this.#connected ? "media-lost" : "media-failed"), "local");
    }
    this.#warn("connection-interrupted", state === "disconnected");
  }

  /**
   * @param {number} timeout ms
   * @param {string} cause
   */
  #wait(timeout, cause) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#fail(new CallError(cause), "local"), timeout);
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
    this.#end = Object.freeze(this.#explained(end));
    clearTimeout(this.#timer);
    this.#setup.signaling.detach(this.id);
    this.#monitor.close();
    this.#media.close();
    this.#move("closed");
    const kind = kindOf(end);
    if (kind === "canceled") this.emit("cancel", this, this.#end);
    if (kind === "refused") this.emit("reject", this, this.#end);
    const { cause, sipCode, message } = end;
    if (error || kind === "failed") this.emit("error", error ?? new CallError(cause, { sipCode, message }), this);
    this.emit("disconnect", this, this.#end);
  }

  /**
   * No audio connection: then it matters what the TURN servers said.
   *
   * @param {CallEnd} end
   * @returns {CallEnd}
   */
  #explained(end) {
    const { refusals } = this.#media;
    if (end.cause !== "media-failed" || !refusals) return end;
    return { ...end, reason: `${end.reason} (${refusals})`.trim() };
  }
}
