// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The session of a test: one WebSocket, and how long it takes. It is none of the device's, whose calls
 * must not wait for a test, and it does not come back when it is lost: that is a finding.
 */

import { CallError, errorFromFrame } from "../errors.js";
import { parse, readWelcome } from "../frames.js";
import { Socket, SUBPROTOCOL } from "../socket.js";

const LIMIT = 10_000;

/** Whether the gateway is there at all is asked by HTTP, with so much patience. */
const LOOK = 3_000;

/** @typedef {{ type: string, [key: string]: any }} Frame */
/** @typedef {() => Promise<{ token?: string, challenge?: string }>} Hello */

/**
 * @param {string} url
 * @param {Hello} hello
 * @param {AbortSignal} signal
 * @returns {Promise<Line>}
 * @throws {CallError}
 */
export async function openLine(url, hello, signal) {
  if (signal.aborted) throw new CallError("stopped");
  const line = new Line(url, hello);
  // Later whoever has the line says goodbye first
  signal.addEventListener("abort", () => line.welcomeMs || line.lose(new CallError("stopped")), { once: true });
  try {
    await line.welcomed;
  } catch (error) {
    const reason = /** @type {CallError} */ (error);
    if (reason.name !== "gateway-unreachable" || signal.aborted) throw reason;
    throw await whyUnreachable(url, reason);
  }
  return line;
}

export class Line {
  /** Until the WebSocket stood. */
  openMs = 0;
  /** Until the gateway has welcomed the page; 0 while it has not. */
  welcomeMs = 0;
  /** @type {RTCIceServer[]} */
  iceServers = [];
  /** @type {RTCIceTransportPolicy} */
  iceTransportPolicy = "all";
  /** @type {string | null} why it is lost */
  lost = null;
  /** @type {(frame: Frame) => void} of calls; to be set */
  onFrame = () => {};
  /** @type {(name: string) => void} to be set, once `lost` was looked at */
  onLost = () => {};
  #began = performance.now();
  #hello;
  #socket;
  #timer;
  /** @type {() => void} */
  #resolve = () => {};
  /** @type {(error: CallError) => void} */
  #reject = () => {};

  /**
   * @param {string} url
   * @param {Hello} hello
   * @throws {CallError} no socket can be made
   */
  constructor(url, hello) {
    this.#hello = hello;
    /** @type {Promise<void>} rejects with a CallError */
    this.welcomed = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#socket = new Socket(url, {
      onOpen: () => void this.#greet(),
      onMessage: (data) => this.#receive(data),
      onGone: (error) => this.lose(error),
      stood: () => this.welcomeMs > 0,
    });
    this.#timer = setTimeout(() => this.lose(new CallError("gateway-silent")), LIMIT);
  }

  /** @param {Frame} frame */
  send(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  close() {
    clearTimeout(this.#timer);
    this.#socket.close();
  }

  /** @param {CallError} error */
  lose(error) {
    this.close();
    this.lost = error.name;
    this.#reject(error);
    this.onLost(error.name);
  }

  async #greet() {
    this.openMs = performance.now() - this.#began;
    if (!this.#socket.understood) {
      this.lose(new CallError("version-mismatch"));
      return;
    }
    try {
      this.send({ type: "hello", ...(await this.#hello()) });
    } catch (error) {
      this.lose(new CallError("bad-token", { reason: error instanceof Error ? error.message : String(error) }));
    }
  }

  /** @param {unknown} data */
  #receive(data) {
    const frame = parse(data);
    if (this.welcomeMs) {
      if (frame) this.onFrame(frame);
    } else if (frame?.type === "welcome") {
      clearTimeout(this.#timer);
      this.welcomeMs = performance.now() - this.#began;
      const { iceServers, iceTransportPolicy } = readWelcome(frame);
      Object.assign(this, { iceServers, iceTransportPolicy });
      this.#resolve();
    } else {
      this.lose(frame?.type === "error" ? errorFromFrame(frame, true) : new CallError("protocol"));
    }
  }
}

/**
 * A browser tells no page why it got no WebSocket. The gateway does, to a plain GET of the same address. A page
 * that allows the socket alone (Content-Security-Policy) is not told more, which is no fault that ends a call.
 *
 * @param {string} url of the WebSocket
 * @param {CallError} unreachable what is known without that
 */
async function whyUnreachable(url, unreachable) {
  const { href, origin } = new URL(url.replace(/^ws/, "http"));
  const watched = new AbortController();
  document.addEventListener("securitypolicyviolation", ({ blockedURI, disposition }) => {
    if (disposition === "report" || !blockedURI || !href.startsWith(blockedURI)) return;
    unreachable.reason = `Why is not known: the page's Content-Security-Policy has no ${origin} in its connect-src.`;
  }, { signal: watched.signal });
  try {
    const answer = await fetch(href, { cache: "no-store", signal: AbortSignal.timeout(LOOK) });
    const { error, message, subprotocol } = await answer.json();
    // Anything else is a proxy's, or a stranger's: the gateway is not there
    if (answer.ok && subprotocol === SUBPROTOCOL) return new CallError("socket-blocked");
    return typeof error === "string" ? new CallError(error, { reason: String(message ?? "") }) : unreachable;
  } catch {
    await new Promise((resolve) => setTimeout(resolve)); // the document is told after the promise
    return unreachable;
  } finally {
    watched.abort();
  }
}
