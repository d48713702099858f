// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The page's telephone: what a page may do with it, and what its calls and its session hear of the page. */

import { AudioDevices } from "./audio-devices.js";
import { Calls } from "./calls.js";
import { readConnectOptions } from "./connect-options.js";
import { Emitter } from "./emitter.js";
import { asCallError, CallError } from "./errors.js";
import { unlessGivenUp } from "./given-up.js";
import { checkSupport } from "./microphone.js";
import { DEVICE_EVENT_NAMES, DEVICE_NAMES, DEVICE_STATES, named } from "./names.js";
import { Page } from "./page.js";
import { Preflight } from "./preflight.js";
import { Reload } from "./reload.js";
import { Sessions } from "./sessions.js";
import { Sources } from "./sources.js";
import { Tones } from "./tones.js";
import { speak } from "./words.js";

/** @typedef {import("./call.js").Call} Call */
/** @typedef {import("./connect-options.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./device-types.js").DeviceEvents} DeviceEvents */
/** @typedef {import("./device-types.js").DeviceOptions} DeviceOptions */
/** @typedef {import("./device-types.js").Emit} Emit */

/** Options that a device takes at any time. */
const CHANGEABLE = new Set([
  "audio", "language", "allowSeveralCalls", "allowIncomingWhileBusy", "closeProtection", "ringback", "ringtone", "keepCalls",
]);

/** What a device emits, and what others call that which it does. */
const Base = /** @type {new () => Emitter<DeviceEvents> & import("./names.js").DeviceNames} */ (
  named(Emitter, DEVICE_NAMES)
);

export class Device extends Base {
  /** As Twilio's: the words of `state`. */
  static State = DEVICE_STATES;
  /** As Twilio's: names of events. */
  static EventName = DEVICE_EVENT_NAMES;

  #options;
  #calls;
  #page;
  #reload;
  #sessions;
  #sources;
  #tones;
  #lifetime = new AbortController();
  /** Whether the page takes up calls after a reload. */
  #restores = false;
  /** @type {Promise<unknown> | undefined} until the last `register` is over */
  #registering;

  /**
   * @param {DeviceOptions | string} [given] options; or a call token, if there is one, and then the options
   * @param {DeviceOptions} [more]
   */
  constructor(given, more = {}) {
    super();
    const options = typeof given === "string" ? { ...more, token: given } : (given ?? more);
    const destroyed = this.#lifetime.signal;
    /** @type {Emit} */
    const emit = (event, ...args) => this.emit(event, ...args);
    this.#options = { ...options };
    this.language = speak(options.language);
    this.url = gatewayUrl(options.url);
    /** The computer's microphones and speakers. */
    this.audio = new AudioDevices(() => this.calls.filter((call) => call.audioElement), destroyed);
    const devices = this.audio;
    const sessions = new Sessions({
      ...options,
      url: this.url,
      emit,
      inUse: () => this.#calls.any,
      onIncoming: (signaling, frame) => this.#calls.ring(signaling, frame),
      onExpiring: (expires) => this.emit("tokenWillExpire", this, expires),
      onClose: () => this.#sources.release(),
    });
    const sources = new Sources({ ...options, access: sessions.access });
    this.#sessions = sessions;
    this.#sources = sources;
    this.#calls = new Calls({ ...options, sessions, sources, devices, destroyed, emit, onCall: (call) => this.#follow(call) });
    this.#reload = new Reload(this.url);
    this.#tones = new Tones({ ...options, speaker: (ringing) => (ringing && devices.ringtoneOutput) || devices.output });
    this.#page = new Page({
      onHide: () => this.#hide(),
      onWake: (event) => this.#wake(event),
      protection: () => this.#options.closeProtection ?? false,
      signal: destroyed,
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
    return new Preflight({ ...given, url: gatewayUrl(given.url) });
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
    return this.#sessions.registration.asking ? "registering" : "unregistered";
  }

  /** Calls that are alive, oldest first. */
  get calls() {
    return this.#calls.all;
  }

  /** Whether this page has a call, or is placing one. One that rings here is nobody's yet. */
  get isBusy() {
    return this.#calls.busy();
  }

  get destroyed() {
    return this.#lifetime.signal.aborted;
  }

  /** The call token that the gateway was told last. @type {string | undefined} */
  get token() {
    return this.#sessions.access.current;
  }

  /** Under which calls come to this page at this moment, or null. */
  get identity() {
    return this.#sessions.registration.identity;
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
    const registering = this.#attempt(() => this.#sessions.registration.register(identity?.trim()));
    this.#registering = registering.catch(() => {});
    return registering;
  }

  /**
   * Takes no calls any more. Those that ring or run go on.
   *
   * @throws {CallError} the gateway does not confirm it
   */
  async unregister() {
    await this.#attempt(() => this.#sessions.registration.unregister(this.#sessions.present));
  }

  /**
   * Takes up the calls that this page had before it was loaded again: each is a new `Call`, in the state
   * that it is in, and gets its audio back. One that rings comes by the event `incoming`. A page that does so
   * keeps its calls for the next time, too: to be asked for each time that the page is loaded.
   *
   * @param {{ audio?: MediaTrackConstraints, element?: HTMLAudioElement }} [options] as of `connect`
   * @returns {Promise<Call[]>} none where there were none, or the gateway has let them go
   */
  restore(options = {}) {
    this.#restores = true;
    return (this.#sessions.restoring = this.#takeUp(options));
  }

  /** @param {import("./call-types.js").AcceptOptions} options */
  async #takeUp(options) {
    // Not one after the other: what is asked for from now on waits for this
    await Promise.all([this.#sessions.restoring, this.#registering]); // the latter's session gives way
    const left = this.destroyed || this.#calls.any || checkSupport() ? null : this.#reload.read();
    if (!left) return [];
    /** @type {Call[]} */
    const calls = [];
    try {
      await this.#sessions.restore(left, (signaling, frames) => {
        for (const frame of frames) {
          if (frame.direction === "incoming" && frame.state === "ringing") this.#calls.ring(signaling, frame);
          else calls.push(this.#calls.restore(signaling, frame, left.muted.includes(String(frame.call)), options));
        }
      });
    } catch {
      this.#reload.release();
      return []; // too late, or the page goes again: then they are left to the next one
    }
    this.#reload.forget();
    for (const call of calls) {
      this.emit("restored", call);
      if (!call.end) call.recover();
    }
    this.#sessions.rest();
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
    const { restoring } = this.#sessions;
    // Which session there is, and whether it has a call, is known by then
    if (restoring) await unlessGivenUp(restoring, [placed.signal, this.#lifetime.signal]);
    return this.#attempt(() => this.#calls.place(placed));
  }

  /**
   * Opens the session, and what else a call needs but the microphone, so that a call begins at once: for the
   * moment at which somebody points at the button. Nobody is asked for anything. Without a call all of it is
   * closed after half a minute. What hinders it is told by the call.
   *
   * @returns {Promise<void>} when it is done
   */
  async prepare() {
    if (this.destroyed || checkSupport() || (!this.#sessions.present && this.#sessions.access.asksPerson)) return;
    const signaling = this.#sessions.use();
    try {
      await Promise.all([this.#sources.prepare(signaling), this.#sessions.access.welcome(signaling)]);
    } catch {
      // The call tells it
    } finally {
      this.#sessions.rest();
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
    await this.#sessions.access.update(token, this.#sessions.present).catch((error) => {
      throw asCallError(error);
    });
  }

  /**
   * Other options from now on. Those of the connection (`url`, tokens, ICE) are taken when the device is made; what is
   * no option, as some of Twilio's, is left alone.
   *
   * @param {Partial<DeviceOptions>} options
   */
  updateOptions(options) {
    const known = Object.fromEntries(Object.entries(options ?? {}).filter(([name]) => CHANGEABLE.has(name)));
    for (const given of [this.#options, this.#calls.options, this.#tones.options]) Object.assign(given, known);
    if (options?.language) this.language = speak(options.language);
  }

  disconnectAll() {
    for (const call of this.calls) call.disconnect();
  }

  /** Ends every call and the session, for good. */
  destroy() {
    if (this.destroyed) return;
    this.#lifetime.abort();
    this.#sessions.registration.close();
    this.#leave();
    this.emit("destroyed");
  }

  /** @throws {CallError} */
  #mustWork() {
    if (this.destroyed) throw new CallError("invalid-state", { reason: "The device was destroyed." });
    const unsupported = checkSupport();
    if (unsupported) throw unsupported;
  }

  /**
   * @template T
   * @param {() => Promise<T>} step that needs the session
   * @throws {CallError}
   */
  async #attempt(step) {
    try {
      return await step();
    } catch (error) {
      throw asCallError(error);
    } finally {
      this.#sessions.rest();
    }
  }

  /** @param {Call} call */
  #follow(call) {
    const protect = () => this.#page.protect(this.calls.some((each) => each.taken));
    this.#tones.follow(call);
    call.watch("state", (state) => {
      protect();
      if (state === "connecting") this.audio.follow(call);
    });
    call.watch("error", (error) => this.emit("error", error, call));
    call.watch("disconnect", protect);
  }

  /** The page is left, or loaded again, which nobody can tell by now. */
  #hide() {
    const resumption = this.calls.length ? this.#sessions.present?.resumption : null;
    if (resumption && (this.#options.keepCalls ?? this.#restores)) {
      const muted = this.calls.filter((call) => call.isMuted()).map((call) => call.id);
      this.#reload.leave({ ...resumption, muted }, this.#sessions.present?.window ?? 0);
    } else {
      this.#leave("page-closed");
    }
  }

  /** @param {Event} event */
  #wake(event) {
    // Out of the back/forward cache: the page was not loaded again, and has its calls.
    if (event instanceof PageTransitionEvent && event.persisted) this.#reload.forget();
    if (event.type === "online") this.#sources.release(); // its addresses are those of another network
    this.#sessions.registration.wake();
    if (event.type !== "focus") this.#sessions.present?.wake();
  }

  /** @param {string} [cause] */
  #leave(cause) {
    for (const call of this.calls) call.disconnect(cause);
    this.#sessions.close();
  }
}

/**
 * The gateway serves this module below sdk/, in a file of its own or in a minified one, and its WebSocket beside sdk/.
 * Both may stand under a path of a proxy's. In a bundle of the page's own it is taken to be the page's server.
 *
 * @param {string} [given] as the page writes it: absolute, or seen from the page
 */
function gatewayUrl(given) {
  const above = import.meta.url.lastIndexOf("/sdk/");
  const own = above < 0 ? new URL("/v1/ws", import.meta.url).href : `${import.meta.url.slice(0, above)}/v1/ws`;
  try {
    const url = new URL(given ?? own, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    return url.href;
  } catch {
    return given ?? own; // the socket says what is wrong with it
  }
}
