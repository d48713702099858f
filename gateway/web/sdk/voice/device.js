// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The page's telephone: it holds the session with the gateway and the calls on it. */

import { Access } from "./access.js";
import { Call } from "./call.js";
import { Emitter } from "./emitter.js";
import { CallError } from "./errors.js";
import { checkSupport, closeMicrophone, openMicrophone } from "./microphone.js";
import { Registration } from "./registration.js";
import { Reload } from "./reload.js";
import { Signaling } from "./signaling.js";

/** A session without calls is closed: what `welcome` gave (TURN credentials) is short-lived. */
const IDLE_TIMEOUT = 30_000;

/**
 * @typedef {object} DeviceOptions
 * @property {string} [url] of the gateway's WebSocket; by default that of the gateway which served this file
 * @property {string | import("./access.js").FetchToken} [token] a call token, or where to get a fresh one
 * @property {import("./access.js").FetchToken} [fetchToken] gets a fresh call token: for each call, and before one ends
 * @property {string | (() => string | Promise<string>)} [challenge] the proof that a person is at the page, where the gateway asks for one
 * @property {MediaTrackConstraints} [audio] over echoCancellation, noiseSuppression and autoGainControl: true
 * @property {RTCIceServer[]} [iceServers] instead of those that the gateway names
 * @property {boolean} [keepCalls] over a reload of the page, where `restore` takes them up; true
 * @property {RTCIceTransportPolicy} [iceTransportPolicy] "relay" to use TURN alone, even where the gateway does not ask for it
 */

/**
 * @typedef {object} ConnectOptions
 * @property {string} to number in E.164 form, or a SIP user that the gateway knows
 * @property {string} [from] caller's number, where the gateway grants it
 * @property {string} [displayName] caller's name
 * @property {Record<string, string>} [headers] SIP headers, `X-…` only
 * @property {MediaTrackConstraints} [audio] for this call, over those of the device
 * @property {HTMLAudioElement} [element] plays the call, instead of one that is made and removed
 * @property {AbortSignal} [signal] gives the call up before `connect` is done
 */

/**
 * @typedef {object} DeviceEvents
 * @property {[error: CallError, call: Call | null]} error of the session, or of any call
 * @property {[call: Call]} incoming it rings until `accept`, `reject` or its end
 * @property {[identity: string]} registered calls to this identity come here, also when they do so again
 * @property {[error: CallError | null]} unregistered no calls come: null where the page wanted it. If the error is
 *   not `fatal`, the device tries again
 * @property {[expires: Date]} tokenWillExpire half a minute before; without `fetchToken` it is time for `updateToken`
 * @property {[seconds: number]} draining the gateway goes out of service: calls that run have so long, new ones are
 *   refused
 * @property {[error: CallError]} reconnecting the session's connection is lost; its calls live on while it is tried again
 * @property {[]} reconnected
 * @property {[call: Call]} restored a call of this page before it was loaded again
 * @property {[]} destroyed
 */

/** @extends {Emitter<DeviceEvents>} */
export class Device extends Emitter {
  /** @type {DeviceOptions} */
  #options;
  #access;
  #registration;
  #reload;
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
  #lifetime = new AbortController();

  /** @param {DeviceOptions} [options] */
  constructor(options = {}) {
    super();
    this.#options = options;
    this.#access = new Access(options);
    this.url = options.url ?? gatewayUrl();
    this.#reload = new Reload(this.url);
    this.#registration = new Registration({
      session: async () => {
        const signaling = this.#session();
        await this.#access.welcome(signaling);
        return signaling;
      },
      onRegistered: (identity) => this.emit("registered", identity),
      onUnregistered: (error) => this.emit("unregistered", error),
    });
    const { signal } = this.#lifetime;
    // pagehide, not unload: a page with an unload listener is kept out of the back/forward cache.
    addEventListener("pagehide", () => this.#hide(), { signal });
    for (const event of ["online", "pageshow", "focus"]) {
      addEventListener(event, (happened) => this.#wake(happened), { signal });
    }
  }

  /** Why calls are impossible here (insecure origin, old browser), or null. Asks nobody. */
  static checkSupport() {
    return checkSupport();
  }

  /** Calls that are alive, oldest first. */
  get calls() {
    return [...this.#calls];
  }

  get destroyed() {
    return this.#lifetime.signal.aborted;
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
    if (this.destroyed) throw new CallError("invalid-state", { message: "The device was destroyed." });
    if (identity !== undefined && (typeof identity !== "string" || !identity.trim())) {
      throw new CallError("invalid-argument", { message: `an identity is a name, not ${JSON.stringify(identity)}` });
    }
    const unsupported = checkSupport();
    if (unsupported) throw unsupported;
    try {
      return await this.#registration.register(identity?.trim());
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
    const { to } = options;
    if (this.destroyed) throw new CallError("invalid-state", { message: "The device was destroyed." });
    if (typeof to !== "string" || !to.trim()) {
      throw new CallError("invalid-argument", { message: `"to" is a number or a SIP user, not ${JSON.stringify(to)}` });
    }
    const unsupported = checkSupport();
    if (unsupported) throw unsupported;
    this.#dialing += 1;
    try {
      return await this.#dial({ ...options, to: to.trim() });
    } finally {
      this.#dialing -= 1;
      this.#rest();
    }
  }

  /**
   * Another name for `connect`.
   *
   * @param {string} to
   * @param {Omit<ConnectOptions, "to">} [options]
   */
  call(to, options) {
    return this.connect({ ...options, to });
  }

  /**
   * Calls with this token from now on. A session that is open stays open, and so do its calls.
   *
   * @param {string} token
   * @throws {CallError} `bad-token` and others, if the gateway does not take it; the old one counts on
   */
  async updateToken(token) {
    if (typeof token !== "string" || !token) {
      throw new CallError("invalid-argument", { message: "A call token is a string.", fatal: false });
    }
    await this.#access.update(token, this.#signaling);
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

  /** @param {ConnectOptions} options */
  async #dial(options) {
    const audio = { ...this.#options.audio, ...options.audio };
    // Both at once: the session stands by the time the person has answered the prompt.
    const signaling = this.#session();
    const opening = openMicrophone(audio);
    /** @type {Call | null} */
    let call = null;
    try {
      const [microphone, welcome] = await this.#unlessGivenUp(
        Promise.all([opening, this.#access.welcome(signaling)]),
        options.signal,
      );
      const { to, element, from, displayName, headers } = options;
      const source = { microphone, configuration: this.#configuration(welcome) };
      const configure = () => this.#configure(signaling);
      call = new Call({ signaling, source, configure, audio, element, to, from, displayName, headers });
    } finally {
      // Even when the person answers the prompt long after the call was given up.
      if (!call) opening.then(closeMicrophone, () => {});
    }
    this.#keep(call);
    const starting = this.#access.place(signaling, call, (error) => this.emit("error", error, null));
    await this.#unlessGivenUp(starting, options.signal).catch((error) => {
      call.disconnect();
      throw error;
    });
    // The session may have gone in the meantime, when nobody was listening yet.
    if (call.end) throw new CallError(call.end.cause, { message: call.end.message });
    return call;
  }

  /**
   * @param {Signaling} signaling
   * @param {import("./signaling.js").Frame} frame
   */
  #ring(signaling, frame) {
    const call = new Call({
      signaling,
      prepare: (audio) => this.#prepare(signaling, audio),
      configure: () => this.#configure(signaling),
      audio: this.#options.audio,
      id: text(frame.call),
      to: text(frame.to) ?? "",
      from: text(frame.from),
      displayName: text(frame.displayName),
      headers: texts(frame.headers),
    });
    this.#keep(call);
    // What has ended is renewed while it rings, not when somebody waits for the sound.
    this.#access.welcome(signaling).catch(() => {});
    this.emit("incoming", call);
  }

  /**
   * @param {Signaling} signaling
   * @param {import("./signaling.js").Frame} known
   * @param {boolean} muted
   * @param {import("./call-types.js").AcceptOptions} options
   */
  #takeUp(signaling, known, muted, { audio, element }) {
    const call = new Call({
      signaling,
      prepare: (audio) => this.#prepare(signaling, audio),
      configure: () => this.#configure(signaling),
      audio: { ...this.#options.audio, ...audio },
      element,
      id: text(known.call),
      to: text(known.to) ?? "",
      from: text(known.from),
      displayName: text(known.displayName),
      restored: { known, muted },
    });
    this.#keep(call);
    return call;
  }

  /** @param {Signaling} signaling */
  async #configure(signaling) {
    return this.#configuration(await this.#access.welcome(signaling));
  }

  /**
   * @param {Signaling} signaling
   * @param {MediaTrackConstraints} audio
   * @returns {Promise<import("./call-types.js").Source>}
   */
  async #prepare(signaling, audio) {
    const opening = openMicrophone(audio);
    try {
      const [microphone, welcome] = await Promise.all([opening, this.#access.welcome(signaling)]);
      return { microphone, configuration: this.#configuration(welcome) };
    } catch (error) {
      opening.then(closeMicrophone, () => {});
      throw error;
    }
  }

  /**
   * @param {import("./signaling.js").Welcome} welcome
   * @returns {RTCConfiguration}
   */
  #configuration(welcome) {
    const { iceServers = welcome.iceServers, iceTransportPolicy } = this.#options;
    const relay = [iceTransportPolicy, welcome.iceTransportPolicy].includes("relay");
    return { iceServers, iceTransportPolicy: relay ? "relay" : "all" };
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @param {AbortSignal | undefined} signal of the page; the device's own end counts as well
   * @returns {Promise<T>} rejects with `canceled`
   */
  #unlessGivenUp(promise, signal) {
    return new Promise((resolve, reject) => {
      const done = new AbortController();
      for (const end of [signal, this.#lifetime.signal]) {
        const giveUp = () => reject(new CallError("canceled"));
        if (end?.aborted) giveUp();
        end?.addEventListener("abort", giveUp, { signal: done.signal });
      }
      promise.then(resolve, reject).finally(() => done.abort());
    });
  }

  /** @param {Call} call */
  #keep(call) {
    this.#calls.add(call);
    call.on("error", (error) => this.emit("error", error, call));
    call.on("disconnect", () => {
      this.#calls.delete(call);
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
   *   onRestored?: (calls: import("./signaling.js").Frame[]) => void }} [earlier] the session of an earlier page
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
    this.#signaling = signaling;
    return signaling;
  }

  /** @param {number} expires seconds since the epoch */
  #expiring(expires) {
    // The same token again is told of again, and would be renewed for ever.
    if (expires === this.#expires) return;
    this.#expires = expires;
    this.emit("tokenWillExpire", new Date(expires * 1000));
    if (!this.#signaling || !this.#access.renews) return;
    void this.#access.renewBefore(this.#signaling, expires, (error) => this.emit("error", error, null));
  }

  #rest() {
    clearTimeout(this.#idle);
    if (this.#calls.size || this.#dialing || this.#registration.wanted) return;
    this.#idle = setTimeout(() => this.#signaling?.close(), IDLE_TIMEOUT);
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
    this.#registration.wake();
    if (event.type !== "focus") this.#signaling?.wake();
  }

  /** @param {string} [cause] */
  #leave(cause) {
    for (const call of this.calls) call.disconnect(cause);
    clearTimeout(this.#idle);
    this.#signaling?.close();
  }
}

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : undefined);

/**
 * @param {unknown} value
 * @returns {Record<string, string>} its entries that are texts
 */
function texts(value) {
  if (value === null || typeof value !== "object") return {};
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => typeof entry === "string"));
}

/** The gateway serves this module as sdk/voice/device.js and its WebSocket beside sdk/. */
function gatewayUrl() {
  const url = new URL("../../v1/ws", import.meta.url);
  url.protocol = url.protocol.replace("http", "ws");
  return url.href;
}
