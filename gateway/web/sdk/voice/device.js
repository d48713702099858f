// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The page's telephone: it holds the session with the gateway and the calls on it. */

import { Access } from "./access.js";
import { AudioDevices } from "./audio-devices.js";
import { Call } from "./call.js";
import { readConnectOptions } from "./connect-options.js";
import { Emitter } from "./emitter.js";
import { asCallError, CallError, errorOfEnd } from "./errors.js";
import { text, texts } from "./frames.js";
import { unlessGivenUp } from "./given-up.js";
import { checkSupport } from "./microphone.js";
import { DEVICE_NAMES, named } from "./names.js";
import { Page } from "./page.js";
import { Preflight } from "./preflight.js";
import { Registration } from "./registration.js";
import { Reload } from "./reload.js";
import { Signaling } from "./signaling.js";
import { closeSource, Sources } from "./sources.js";
import { Tones } from "./tones.js";
import { speak } from "./words.js";

/** @typedef {import("./connect-options.js").ConnectOptions} ConnectOptions */

/** A session without calls is closed: what `welcome` gave (TURN credentials) is short-lived. */
const IDLE_TIMEOUT = 30_000;
/** After a call somebody may still say how it was, and only its session knows it. */
const FEEDBACK_TIMEOUT = 180_000;

/**
 * @typedef {object} DeviceOptions
 * @property {string} [url] of the gateway's WebSocket; by default that of the gateway which served this file
 * @property {string | import("./access.js").FetchToken} [token] a call token, or where to get a fresh one
 * @property {import("./access.js").FetchToken} [fetchToken] gets a fresh call token: for each call, and before one ends
 * @property {string | (() => string | Promise<string>)} [challenge] the proof that a person is at the page, where the gateway asks for one
 * @property {MediaTrackConstraints} [audio] over echoCancellation, noiseSuppression and autoGainControl: true
 * @property {RTCIceServer[]} [iceServers] instead of those that the gateway names
 * @property {string} [language] of what is said to people, a tag of BCP 47; else that of the document, or of the browser
 * @property {boolean} [allowSeveralCalls] at a time; else the next one is refused with `busy-here`
 * @property {boolean} [allowIncomingWhileBusy] else the caller is told 486 while this page has a call
 * @property {boolean | string} [closeProtection] the browser asks before a page with a call is left
 * @property {string | boolean | ((to: string) => string | boolean)} [ringback] a tone while the other phone rings and sends
 *   no sound: "us", "eu", "uk", …, or a function that says which one for a number; off
 * @property {boolean} [ringtone] a tone while a call rings here; off
 * @property {boolean} [keepCalls] over a reload of the page, where `restore` takes them up; true
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] "relay" to use TURN alone, even where the gateway does not ask for it
 */

/**
 * @typedef {object} DeviceEvents
 * @property {[error: CallError, call: Call | null]} error of the session, or of any call
 * @property {[call: Call]} incoming it rings until `accept`, `reject` or its end
 * @property {[identity: string]} registered calls to this identity come here, also when they do so again
 * @property {[error: CallError | null]} unregistered no calls come: null where the page wanted it. If the error is
 *   not `fatal`, the device tries again
 * @property {[device: Device, expires: Date]} tokenWillExpire half a minute before; without `fetchToken` it is time for `updateToken`
 * @property {[seconds: number]} draining the gateway goes out of service: calls that run have so long, new ones are
 *   refused
 * @property {[error: CallError]} reconnecting the session's connection is lost; its calls live on while it is tried again
 * @property {[]} reconnected
 * @property {[call: Call]} restored a call of this page before it was loaded again
 * @property {[]} destroyed
 */

/** What a device emits, and what others call that which it does. */
const Base = /** @type {new () => Emitter<DeviceEvents> & import("./names.js").DeviceNames} */ (
  named(Emitter, DEVICE_NAMES)
);

export class Device extends Base {
  /** @type {DeviceOptions} */
  #options;
  #access;
  #registration;
  #reload;
  #sources;
  #page;
  #tones;
  /** @type {Signaling | null} */
  #signaling = null;
  /** @type {Set<Call>} */
  #calls = new Set();
  /** How many `connect` are under way: they need the session as much as a call does. */
  #dialing = 0;
  /** Of the token that was last said to end. */
  #expires = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idle;
  /** Until when the session is kept for what somebody may say of a call; by performance.now(). */
  #feedbackUntil = 0;
  /** @type {Promise<unknown> | undefined} the session of the page before */
  #restoring;
  #lifetime = new AbortController();

  /**
   * @param {DeviceOptions | string} [given] options; or a call token, if there is one, and then the options
   * @param {DeviceOptions} [more]
   */
  constructor(given, more = {}) {
    super();
    const options = typeof given === "string" ? { ...more, token: given } : (given ?? more);
    this.#options = options;
    this.language = speak(options.language);
    this.#access = new Access(options);
    this.url = options.url ?? gatewayUrl();
    this.#reload = new Reload(this.url);
    this.#sources = new Sources({ ...options, access: this.#access });
    this.#registration = new Registration({
      session: async () => {
        await this.#restoring; // the gateway may have that session no more
        const signaling = this.#session();
        await this.#access.welcome(signaling);
        return signaling;
      },
      onRegistered: (identity) => this.emit("registered", identity),
      onUnregistered: (error) => this.emit("unregistered", error),
    });
    /** The computer's microphones and speakers. */
    this.audio = new AudioDevices(() => this.calls.filter((call) => call.audioElement), this.#lifetime.signal);
    this.#tones = new Tones({ ...options, speaker: () => this.audio.output });
    this.#page = new Page({
      onHide: () => this.#hide(),
      onWake: (event) => this.#wake(event),
      protection: options.closeProtection ?? false,
      signal: this.#lifetime.signal,
    });
  }

  /** Why calls are impossible here (insecure origin, old browser), or null. Asks nobody. */
  static checkSupport() {
    return checkSupport();
  }

  /**
   * Tests the connection before anybody is called: microphone, gateway, the ways for sound, and how it sounds.
   *
   * @param {import("./preflight.js").PreflightOptions | string} [options] or a call token, and then the options
   * @param {import("./preflight.js").PreflightOptions} [more]
   */
  static runPreflight(options = {}, more = {}) {
    const given = typeof options === "string" ? { ...more, token: options } : options;
    return new Preflight({ ...given, url: given.url ?? gatewayUrl() });
  }

  /**
   * Another name for `runPreflight`.
   *
   * @param {Parameters<typeof Device.runPreflight>} options
   */
  static runPreCall(...options) {
    return Device.runPreflight(...options);
  }

  /** As `checkSupport`, in a word. */
  static get isSupported() {
    return checkSupport() === null;
  }

  /** Whether calls come here: `destroyed`, `unregistered`, `registering` or `registered`. */
  get state() {
    if (this.destroyed) return "destroyed";
    if (this.identity !== null) return "registered";
    return this.#registration.asking ? "registering" : "unregistered";
  }

  /** Calls that are alive, oldest first. */
  get calls() {
    return [...this.#calls];
  }

  /** Whether this page has a call, or is placing one. One that rings here is nobody's yet. */
  get isBusy() {
    return this.#dialing > 0 || this.calls.some((call) => call.taken);
  }

  get destroyed() {
    return this.#lifetime.signal.aborted;
  }

  /** The call token that the gateway was told last. @type {string | undefined} */
  get token() {
    return this.#access.current;
  }

  /** Under which calls come to this page at this moment, or null. */
  get identity() {
    return this.#registration.identity;
  }

  /**
   * Takes calls to an identity from now on, by the event `incoming`. Every page under the same identity
   * rings, and the first one that accepts has the call. The device holds its session for it, and makes
   * the registration again where the session is lost.
   *
   * @param {string} [identity] counts where the gateway asks for no tokens; else it is the token's `sub`
   * @returns {Promise<string>} the identity, as the gateway knows it
   * @throws {CallError} the gateway is not there, or refuses it
   */
  async register(identity) {
    this.#mustWork();
    if (identity !== undefined && (typeof identity !== "string" || !identity.trim())) {
      throw new CallError("invalid-argument", { reason: `an identity is a name, not ${typeof identity}` });
    }
    try {
      return await this.#registration.register(identity?.trim());
    } catch (error) {
      throw asCallError(error);
    } finally {
      this.#rest();
    }
  }

  /**
   * Takes no calls any more. Those that ring or run go on.
   *
   * @throws {CallError} the gateway does not confirm it
   */
  async unregister() {
    try {
      await this.#registration.unregister(this.#signaling);
    } catch (error) {
      throw asCallError(error);
    } finally {
      this.#rest();
    }
  }

  /**
   * Takes up the calls that this page had before it was loaded again: each is a new `Call`, in the state
   * that it is in, and gets its audio back. One that rings comes by the event `incoming`.
   *
   * @param {{ audio?: MediaTrackConstraints, element?: HTMLAudioElement }} [options] as of `connect`
   * @returns {Promise<Call[]>} none where there were none, or the gateway has let them go
   */
  async restore(options = {}) {
    const left = this.#reload.take();
    if (!left || this.destroyed || this.#signaling || checkSupport()) return [];
    /** @type {Call[]} */
    const calls = [];
    const signaling = this.#open({
      resumption: left,
      onRestored: (frames) => {
        for (const frame of frames) {
          if (frame.direction === "incoming" && frame.state === "ringing") this.#ring(signaling, frame);
          else calls.push(this.#takeUp(signaling, frame, left.muted.includes(String(frame.call)), options));
        }
      },
    });
    this.#restoring = signaling.welcome.catch(() => {});
    try {
      await signaling.welcome;
    } catch {
      return []; // too late: the gateway has ended them
    }
    for (const call of calls) {
      this.emit("restored", call);
      if (!call.end) call.recover();
    }
    this.#rest();
    return calls.filter((call) => !call.end);
  }

  /**
   * Places a call. Resolves when the offer is on its way to the gateway; what happens after that
   * comes as events of the call.
   *
   * @param {ConnectOptions} options
   * @returns {Promise<Call>}
   * @throws {CallError} whatever hinders the call before that: microphone, origin, session
   */
  async connect(options) {
    this.#mustWork();
    const placed = readConnectOptions(options);
    // Which session there is, and whether it has a call, is known by then
    if (this.#restoring) await unlessGivenUp(this.#restoring, [placed.signal, this.#lifetime.signal]);
    if (this.isBusy && !this.#options.allowSeveralCalls) throw new CallError("busy-here", { fatal: false });
    this.#dialing += 1;
    try {
      return await this.#dial(placed);
    } catch (error) {
      throw asCallError(error);
    } finally {
      this.#dialing -= 1;
      this.#rest();
    }
  }

  /**
   * Opens the session, and what else a call needs but the microphone, so that a call begins at once: for the
   * moment at which somebody points at the button. Nobody is asked for anything. Without a call all of it is
   * closed after half a minute. What hinders it is told by the call.
   *
   * @returns {Promise<void>} when it is done
   */
  async prepare() {
    if (this.destroyed || checkSupport() || (!this.#signaling && this.#access.asksPerson)) return;
    const signaling = this.#session();
    try {
      await Promise.all([this.#sources.prepare(signaling), this.#access.welcome(signaling)]);
    } catch {
      this.#sources.release();
    } finally {
      this.#rest();
    }
  }

  /**
   * Calls with this token from now on. A session that is open stays open, and so do its calls.
   *
   * @param {string} token
   * @throws {CallError} `bad-token` and others, if the gateway does not take it; the old one counts on
   */
  async updateToken(token) {
    if (typeof token !== "string" || !token) {
      throw new CallError("invalid-argument", { reason: "A call token is a string.", fatal: false });
    }
    await this.#access.update(token, this.#signaling).catch((error) => {
      throw asCallError(error);
    });
  }

  disconnectAll() {
    for (const call of this.calls) call.disconnect();
  }

  /** Ends every call and the session, for good. */
  destroy() {
    if (this.destroyed) return;
    this.#lifetime.abort();
    this.#registration.close();
    this.#leave();
    this.emit("destroyed");
  }

  /** @throws {CallError} */
  #mustWork() {
    if (this.destroyed) throw new CallError("invalid-state", { reason: "The device was destroyed." });
    const unsupported = checkSupport();
    if (unsupported) throw unsupported;
  }

  /** @param {import("./connect-options.js").Placed} placed */
  async #dial({ signal, ...placed }) {
    const audio = { ...this.#options.audio, ...this.audio.constraints, ...placed.audio };
    // Both at once: the session stands by the time the person has answered the prompt.
    const signaling = this.#session();
    const over = new AbortController();
    const ends = [signal, this.#lifetime.signal];
    const opening = this.#sources.open(signaling, audio, over.signal);
    /** @type {Call | null} */
    let call = null;
    try {
      const source = await unlessGivenUp(opening, ends);
      call = new Call({ ...placed, ...this.#setup(signaling), audio, source });
    } finally {
      if (!call) {
        over.abort();
        opening.then(closeSource, () => {});
      }
    }
    this.#keep(call);
    const starting = this.#access.place(signaling, call, (error) => this.emit("error", error, null));
    await unlessGivenUp(starting, ends).catch((error) => {
      call.disconnect();
      throw error;
    });
    // The session may have gone in the meantime, when nobody was listening yet.
    if (call.end) throw errorOfEnd(call.end);
    return call;
  }

  /**
   * @param {Signaling} signaling
   * @param {import("./frames.js").Frame} frame
   */
  #ring(signaling, frame) {
    const { allowSeveralCalls, allowIncomingWhileBusy } = this.#options;
    if (this.isBusy && !allowSeveralCalls && !allowIncomingWhileBusy) {
      signaling.send({ type: "reject", call: frame.call, code: 486 });
      return;
    }
    /** @type {Call} */
    const call = new Call({
      ...this.#setup(signaling),
      ...this.#told(frame),
      prepare: (audio, over) => this.#take(call, signaling, audio, over),
      audio: { ...this.#options.audio, ...this.audio.constraints },
    });
    this.#keep(call);
    // What has ended is renewed while it rings, not when somebody waits for the sound.
    this.#access.welcome(signaling).catch(() => {});
    this.emit("incoming", call);
  }

  /**
   * @param {Signaling} signaling
   * @param {import("./frames.js").Frame} known
   * @param {boolean} muted
   * @param {import("./call-types.js").AcceptOptions} options
   */
  #takeUp(signaling, known, muted, { audio, element }) {
    const call = new Call({
      ...this.#setup(signaling),
      ...this.#told(known),
      prepare: (wanted, over) => this.#sources.open(signaling, wanted, over),
      audio: { ...this.#options.audio, ...audio },
      element,
      restored: { known, muted },
    });
    this.#keep(call);
    return call;
  }

  /**
   * Gets what an incoming call needs that this page takes.
   *
   * @param {Call} call
   * @param {Signaling} signaling
   * @param {MediaTrackConstraints} audio
   * @param {AbortSignal} over
   */
  async #take(call, signaling, audio, over) {
    const { allowSeveralCalls, allowIncomingWhileBusy } = this.#options;
    const busy = this.#dialing > 0 || this.calls.some((other) => other !== call && other.taken);
    if (busy && !allowSeveralCalls && !allowIncomingWhileBusy) throw new CallError("busy-here", { fatal: false });
    return this.#sources.open(signaling, audio, over);
  }

  /** @param {Signaling} signaling */
  #setup(signaling) {
    return { signaling, configure: () => this.#sources.configure(signaling) };
  }

  /** @param {import("./frames.js").Frame} frame that tells a call of the gateway's */
  #told(frame) {
    const { call, to, from, displayName, headers } = frame;
    return {
      id: text(call),
      to: text(to) ?? "",
      from: text(from),
      displayName: text(displayName),
      headers: texts(headers),
    };
  }

  /** @param {Call} call */
  #keep(call) {
    this.#calls.add(call);
    this.#tones.follow(call);
    call.watch("state", (state) => {
      this.#page.protect(this.calls.some((each) => each.taken));
      if (state === "connecting") this.audio.follow(call);
    });
    call.watch("error", (error) => this.emit("error", error, call));
    call.watch("disconnect", () => {
      this.#calls.delete(call);
      this.#page.protect(this.calls.some((each) => each.taken));
      this.#feedbackUntil = performance.now() + FEEDBACK_TIMEOUT;
      this.#rest();
    });
  }

  /** @returns {Signaling} the present session, or a new one */
  #session() {
    clearTimeout(this.#idle);
    return this.#signaling ?? this.#open();
  }

  /**
   * @param {{ resumption?: import("./signaling.js").Resumption,
   *   onRestored?: (calls: import("./frames.js").Frame[]) => void }} [earlier] the session of an earlier page
   */
  #open(earlier = {}) {
    /** @type {Signaling} */
    const signaling = new Signaling({
      ...earlier,
      url: this.url,
      hello: () => this.#access.hello(),
      onExpiring: (expires) => this.#expiring(expires),
      onIncoming: (frame) => this.#ring(signaling, frame),
      onUnregistered: () => this.#registration.dropped(),
      onError: (error) => this.emit("error", error, null),
      onClosed: (error) => {
        this.#signaling = null;
        this.#registration.lost(error);
      },
      onReconnecting: (error) => {
        this.#registration.lost(error); // no calls come until it is made again
        this.emit("reconnecting", error);
      },
      onReconnected: () => {
        this.#registration.wake();
        this.emit("reconnected");
        this.#rest();
      },
    });
    signaling.onDraining = (seconds) => this.emit("draining", seconds);
    this.#signaling = signaling.closed ? null : signaling; // the page may forbid it at once
    return signaling;
  }

  /** @param {number} expires seconds since the epoch */
  #expiring(expires) {
    // The same token again is told of again, and would be renewed for ever.
    if (expires === this.#expires) return;
    this.#expires = expires;
    this.emit("tokenWillExpire", this, new Date(expires * 1000));
    if (!this.#signaling || !this.#access.renews) return;
    void this.#access.renewBefore(this.#signaling, expires, (error) => this.emit("error", error, null));
  }

  #rest() {
    clearTimeout(this.#idle);
    if (this.#calls.size || this.#dialing || this.#registration.wanted) return;
    this.#idle = setTimeout(() => {
      this.#sources.release();
      this.#signaling?.close();
    }, Math.max(IDLE_TIMEOUT, this.#feedbackUntil - performance.now()));
  }

  /** The page is left, or loaded again, which nobody can tell by now. */
  #hide() {
    const resumption = this.calls.length ? this.#signaling?.resumption : null;
    if (resumption && this.#options.keepCalls !== false) {
      const muted = this.calls.filter((call) => call.isMuted()).map((call) => call.id);
      this.#reload.leave({ ...resumption, muted }, this.#signaling?.window ?? 0);
    } else {
      this.#leave("page-closed");
    }
  }

  /** @param {Event} event */
  #wake(event) {
    // Out of the back/forward cache: the page was not loaded again, and has its calls.
    if (event instanceof PageTransitionEvent && event.persisted) this.#reload.take();
    if (event.type === "online") this.#sources.release(); // its addresses are those of another network
    this.#registration.wake();
    if (event.type !== "focus") this.#signaling?.wake();
  }

  /** @param {string} [cause] */
  #leave(cause) {
    for (const call of this.calls) call.disconnect(cause);
    clearTimeout(this.#idle);
    this.#sources.release();
    this.#signaling?.close();
  }
}

/**
 * The gateway serves this module below sdk/, in a file of its own or in a minified one, and its WebSocket beside sdk/.
 * Both may stand under a path of a proxy's. In a bundle of the page's own it is taken to be the page's server.
 */
function gatewayUrl() {
  const above = import.meta.url.lastIndexOf("/sdk/");
  const url = above < 0 ? new URL("/v1/ws", import.meta.url) : new URL(`${import.meta.url.slice(0, above)}/v1/ws`);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
