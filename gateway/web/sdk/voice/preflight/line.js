// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The session of a test: one WebSocket, and how long it takes. It is none of the device's, whose calls
 * must not wait for a test, and it does not come back when it is lost: that is a finding.
 */

const SUBPROTOCOL = "gateway.v1";
const LIMIT = 10_000;
const CLOSING = 200; // ms that the close may come after an error

/** Whether the gateway's host is there at all is asked by HTTP, with so much patience. */
const LOOK = 3_000;

/** @typedef {{ type: string, [key: string]: any }} Frame */

/**
 * @typedef {object} Line
 * @property {number} openMs until the WebSocket stood
 * @property {number} welcomeMs until the gateway has welcomed the page
 * @property {RTCIceServer[]} iceServers
 * @property {RTCIceTransportPolicy} iceTransportPolicy
 * @property {(frame: Frame) => void} send
 * @property {(frame: Frame) => void} onFrame of calls; to be set
 * @property {(name: string) => void} onLost to be set
 * @property {() => void} close
 */

/** Why there is no session, by a word of the texts. */
export class LineError extends Error {
  /**
   * @param {string} name
   * @param {string} [reason] the gateway's own words, for the operator
   */
  constructor(name, reason = "") {
    super(reason || name);
    this.name = name;
    this.reason = reason;
  }
}

/**
 * @param {string} url
 * @param {() => Promise<{ token?: string, challenge?: string }>} hello
 * @param {AbortSignal} signal
 * @returns {Promise<Line>}
 * @throws {LineError}
 */
export async function openLine(url, hello, signal) {
  const forbidden = watchPolicy(url);
  try {
    return await open(url, hello, signal);
  } catch (error) {
    const { name, reason } = error instanceof LineError ? error : new LineError("gateway-unreachable", String(error));
    if (name !== "gateway-unreachable" || signal.aborted) throw new LineError(name, reason);
    await Promise.resolve(); // the policy's event comes beside the socket's
    if (forbidden()) throw new LineError("blocked-by-page", reason);
    throw new LineError((await answersHttp(url)) ? "socket-blocked" : name, reason);
  } finally {
    forbidden.end();
  }
}

/**
 * @param {string} url
 * @param {() => Promise<{ token?: string, challenge?: string }>} hello
 * @param {AbortSignal} signal
 * @returns {Promise<Line>}
 */
function open(url, hello, signal) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const socket = new WebSocket(url, SUBPROTOCOL);
    let welcomed = false;
    /** @param {string} name @param {string} [reason] */
    const fail = (name, reason) => {
      clearTimeout(timer);
      socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
      socket.close();
      if (welcomed) line.onLost(name);
      else reject(new LineError(name, reason));
    };
    const timer = setTimeout(() => fail("gateway-silent"), LIMIT);
    // Later whoever has the line says goodbye first
    signal.addEventListener("abort", () => welcomed || fail("stopped"), { once: true });
    /** @type {Line} */
    const line = {
      openMs: 0,
      welcomeMs: 0,
      iceServers: [],
      iceTransportPolicy: "all",
      send: (frame) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(frame)),
      onFrame: () => {},
      onLost: () => {},
      close: () => {
        socket.onmessage = socket.onclose = socket.onerror = null;
        socket.close(1000);
      },
    };
    socket.onopen = async () => {
      line.openMs = performance.now() - began;
      if (socket.protocol !== SUBPROTOCOL) return fail("version-mismatch");
      try {
        socket.send(JSON.stringify({ type: "hello", ...(await hello()) }));
      } catch (error) {
        fail("bad-token", error instanceof Error ? error.message : String(error));
      }
    };
    socket.onmessage = ({ data }) => {
      const frame = /** @type {Frame} */ (JSON.parse(data));
      if (welcomed) {
        line.onFrame(frame);
      } else if (frame.type === "welcome") {
        clearTimeout(timer);
        welcomed = true;
        line.welcomeMs = performance.now() - began;
        line.iceServers = Array.isArray(frame.iceServers) ? frame.iceServers : [];
        line.iceTransportPolicy = frame.iceTransportPolicy === "relay" ? "relay" : "all";
        resolve(line);
      } else {
        fail(String(frame.name ?? "protocol"), String(frame.message ?? ""));
      }
    };
    // One that the page's own policy forbids is never closed, in Chromium
    socket.onerror = () => setTimeout(() => socket.onerror && fail("gateway-unreachable"), CLOSING);
    socket.onclose = ({ code, reason }) => {
      if (welcomed) fail("network", reason);
      else fail({ 1002: "version-mismatch", 1008: "session-refused", 1013: "no-capacity" }[code] ?? "gateway-unreachable", reason);
    };
  });
}

/**
 * Notices whether the page's own Content-Security-Policy has refused the socket.
 *
 * @param {string} url
 */
function watchPolicy(url) {
  const host = new URL(url).host;
  let refused = false;
  /** @param {SecurityPolicyViolationEvent} event */
  const notice = ({ effectiveDirective, blockedURI }) => {
    if (effectiveDirective === "connect-src" && blockedURI.includes(host)) refused = true;
  };
  document.addEventListener("securitypolicyviolation", notice);
  const end = () => document.removeEventListener("securitypolicyviolation", notice);
  return Object.assign(() => refused, { end });
}

/**
 * Whether something answers at the gateway's host by HTTP, where no WebSocket can be had.
 *
 * @param {string} url of the WebSocket
 */
async function answersHttp(url) {
  const page = new URL("/healthz", url.replace(/^ws/, "http"));
  try {
    await fetch(page, { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(LOOK) });
    return true;
  } catch {
    return false;
  }
}
