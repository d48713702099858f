// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * One WebSocket session with the gateway (subprotocol gateway.v1): hello and welcome, pings, what a
 * page asks of its session, and frames handed to the calls that they name. It knows no media and no
 * call state. A second hello renews the token; the gateway answers it as the first one.
 */

import { NO_TOKEN } from "./access.js";
import { CallError, errorFromFrame } from "./errors.js";

export const SUBPROTOCOL = "gateway.v1";

const WELCOME_TIMEOUT = 10_000;
/** Below the 30 s after which the impatient proxies drop a silent connection. */
const PING_INTERVAL = 25_000;
const PONG_TIMEOUT = 10_000;
const REQUEST_TIMEOUT = 10_000;

/** @typedef {{ type: string, [key: string]: unknown }} Frame */
/** @typedef {{ token?: string, challenge?: string }} Hello */

/**
 * @typedef {object} Welcome
 * @property {string} session
 * @property {RTCIceServer[]} iceServers
 * @property {RTCIceTransportPolicy} iceTransportPolicy
 * @property {number | null} expires of the token, in seconds since the epoch
 */

/**
 * @typedef {object} Request one that concerns no call, on its way
 * @property {string} answer the type of the frame that answers it
 * @property {(frame: Frame) => void} resolve
 * @property {(error: CallError) => void} reject
 */

/**
 * @typedef {object} Receiver a call, seen from here
 * @property {(frame: Frame) => void} receive
 * @property {(error: CallError) => void} lost the session is over
 */

/** What a close code (RFC 6455 section 7.4, and IANA's registry) says once the session stood. */
const CAUSE_BY_CLOSE_CODE = /** @type {Readonly<Record<number, string>>} */ ({
  1001: "shutdown",
  1002: "protocol",
  1003: "protocol",
  1007: "protocol",
  1008: "session-refused",
  1009: "protocol",
  1012: "shutdown",
  1013: "no-capacity",
});

export class Signaling {
  /** @type {Map<string, Receiver>} */
  #calls = new Map();
  /** @type {WebSocket} */
  #socket;
  /** @type {(welcome: Welcome) => void} */
  #resolve = () => {};
  /** @type {(error: CallError) => void} */
  #reject = () => {};
  /** @type {Request | null} */
  #request = null;
  /** One request after the other: an error of the gateway's does not say to which it belongs. */
  #turns = /** @type {Promise<unknown>} */ (Promise.resolve());
  #tokenUsed = false;
  #welcomed = false;
  /** @type {(seconds: number) => void} the gateway takes no new calls; those that run have so long */
  onDraining = () => {};
  /** @type {CallError | null} why the session is over */
  #loss = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {() => Promise<Hello>} options.hello
   * @param {(expires: number) => void} options.onExpiring the token ends soon; seconds since the epoch
   * @param {(frame: Frame) => void} options.onIncoming a call from the gateway
   * @param {() => void} options.onUnregistered the gateway has ended it by itself
   * @param {(error: CallError) => void} options.onError a frame that concerns no call
   * @param {(error: CallError) => void} options.onClosed once, when the session is over
   */
  constructor({ url, hello, onExpiring, onIncoming, onUnregistered, onError, onClosed }) {
    this.onExpiring = onExpiring;
    this.onIncoming = onIncoming;
    this.onUnregistered = onUnregistered;
    this.onError = onError;
    this.onClosed = onClosed;
    try {
      this.#socket = new WebSocket(url, SUBPROTOCOL);
    } catch (error) {
      throw new CallError("invalid-argument", { message: `no WebSocket address: ${url}`, original: error });
    }
    this.#timer = setTimeout(() => this.#lose(new CallError("gateway-silent")), WELCOME_TIMEOUT);
    this.#socket.onopen = () => this.#greet(hello);
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onclose = (event) => this.#lose(this.#closeError(event));
    /** @type {Promise<Welcome>} the latest; rejects with a CallError */
    this.welcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody may be waiting when the microphone was refused first.
    this.welcome.catch(() => {});
  }

  get closed() {
    return this.#loss !== null;
  }

  /** Whether a call has gone out since the last hello. */
  get tokenUsed() {
    return this.#tokenUsed;
  }

  /**
   * @param {string} id
   * @param {Receiver} receiver
   * @throws {CallError} the session is over
   */
  attach(id, receiver) {
    if (this.#loss) throw this.#loss;
    this.#calls.set(id, receiver);
  }

  /** @param {string} id */
  detach(id) {
    this.#calls.delete(id);
  }

  /** @param {Frame} frame */
  send(frame) {
    if (frame.type === "call") this.#tokenUsed = true;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Ends the session; what was sent before still leaves. */
  close() {
    this.#lose(new CallError("network", { message: "The session was closed by this page." }));
  }

  /**
   * Says hello with a new token.
   *
   * @param {string | undefined} token
   * @throws {CallError} the session lives on unless that is fatal
   */
  async renew(token) {
    await this.ask({ type: "hello", token }, "welcome");
    this.#tokenUsed = false;
  }

  /**
   * Asks the gateway for something that concerns no call.
   *
   * @param {Frame} frame
   * @param {string} answer the type of the frame that says yes
   * @returns {Promise<Frame>}
   * @throws {CallError} the session lives on unless that is fatal
   */
  ask(frame, answer) {
    const asked = this.#turns.then(() => this.#ask(frame, answer));
    this.#turns = asked.catch(() => {});
    return asked;
  }

  /**
   * @param {Frame} frame
   * @param {string} answer
   * @returns {Promise<Frame>}
   */
  async #ask(frame, answer) {
    await this.welcome;
    if (this.#loss) throw new CallError("network", { fatal: false });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
      return await new Promise((resolve, reject) => {
        this.#request = { answer, resolve, reject };
        timer = setTimeout(() => reject(new CallError("gateway-silent", { fatal: false })), REQUEST_TIMEOUT);
        this.send(frame);
      });
    } finally {
      clearTimeout(timer);
      this.#request = null;
    }
  }

  /** @param {() => Promise<Hello>} hello */
  async #greet(hello) {
    if (this.#socket.protocol !== SUBPROTOCOL) {
      this.#lose(new CallError("version-mismatch"));
      return;
    }
    try {
      this.send({ type: "hello", ...(await hello()) });
    } catch (error) {
      this.#lose(new CallError("session-refused", { message: NO_TOKEN, original: error }));
    }
  }

  /** @param {unknown} data */
  #receive(data) {
    const frame = parse(data);
    if (!frame) {
      this.onError(new CallError("protocol", { message: `not a frame: ${brief(data)}`, fatal: false }));
    } else if (!this.#welcomed) {
      this.#open(frame);
    } else if (frame.type === "pong") {
      this.#keepAlive();
    } else if (typeof frame.call === "string") {
      this.#hand(frame.call, frame);
    } else if (frame.type === "error") {
      this.#complain(errorFromFrame(frame, false));
    } else {
      this.#news(frame);
    }
  }

  /**
   * @param {string} call
   * @param {Frame} frame
   */
  #hand(call, frame) {
    const receiver = this.#calls.get(call);
    if (receiver) receiver.receive(frame);
    else if (frame.type === "incoming") this.onIncoming(frame);
    // Others are for a call that is over, and crossed our hangup on the way: no fault of anybody's.
  }

  /** @param {Frame} frame that concerns no call; types of later versions are no error */
  #news(frame) {
    if (frame.type === "welcome") this.welcome = Promise.resolve(readWelcome(frame));
    if (frame.type === this.#request?.answer) {
      this.#request.resolve(frame);
    } else if (frame.type === "unregistered") {
      this.onUnregistered();
    } else if (frame.type === "tokenWillExpire" && typeof frame.expires === "number") {
      this.onExpiring(frame.expires);
    } else if (frame.type === "draining" && typeof frame.seconds === "number") {
      this.onDraining(frame.seconds);
    }
  }

  /** @param {CallError} error of no call: of a request, if one is on its way */
  #complain(error) {
    if (this.#request && !error.fatal) {
      this.#request.reject(error);
      return;
    }
    this.onError(error);
    if (error.fatal) this.#lose(error);
  }

  /** @param {Frame} frame the first one */
  #open(frame) {
    if (frame.type === "welcome") {
      this.#welcomed = true;
      this.#resolve(readWelcome(frame));
      this.#keepAlive();
    } else if (frame.type === "error") {
      this.#lose(errorFromFrame(frame, true));
    } else {
      this.#lose(new CallError("protocol", { message: `${frame.type} came before welcome` }));
    }
  }

  /** Ping after a while, and take a gateway that does not answer for gone. */
  #keepAlive() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.send({ type: "ping" });
      this.#timer = setTimeout(() => this.#lose(new CallError("network")), PONG_TIMEOUT);
    }, PING_INTERVAL);
  }

  /** @param {CloseEvent} event */
  #closeError(event) {
    const message = event.reason || undefined;
    if (this.#welcomed) return new CallError(CAUSE_BY_CLOSE_CODE[event.code] ?? "network", { message });
    const cause = { 1002: "version-mismatch", 1008: "session-refused", 1013: "no-capacity" }[event.code];
    return new CallError(cause ?? "gateway-unreachable", { message });
  }

  /** @param {CallError} error */
  #lose(error) {
    if (this.#loss) return;
    this.#loss = error;
    clearTimeout(this.#timer);
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(1000);
    this.#reject(error);
    this.#request?.reject(error);
    for (const call of [...this.#calls.values()]) call.lost(error);
    this.#calls.clear();
    this.onClosed(error);
  }
}

/**
 * @param {Frame} frame
 * @returns {Welcome}
 */
const readWelcome = ({ session, iceServers, iceTransportPolicy, expires }) => ({
  session: String(session ?? ""),
  iceServers: Array.isArray(iceServers) ? iceServers : [],
  iceTransportPolicy: iceTransportPolicy === "relay" ? "relay" : "all",
  expires: typeof expires === "number" ? expires : null,
});

/**
 * @param {unknown} data
 * @returns {Frame | null}
 */
function parse(data) {
  if (typeof data !== "string") return null;
  try {
    const frame = JSON.parse(data);
    return frame !== null && typeof frame === "object" && typeof frame.type === "string" ? frame : null;
  } catch {
    return null;
  }
}

/** @param {unknown} data */
const brief = (data) => (typeof data === "string" ? data.slice(0, 80) : "binary data");
