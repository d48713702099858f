// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Whether the next WebSocket may be tried. Firefox counts those that fail, and lets the next one wait (RFC 6455
 * section 7.2.3): half as long again each time, up to a minute, which a call does not outlive. It counts no HTTP
 * request, so after a failure a page asks by one whether the gateway is there.
 */

/** For an answer, in ms. */
const ASKED = 2_000;
/** A page may be forbidden to ask, by its Content-Security-Policy: then it tries so often, in ms. */
const ANYWAY = 10_000;

/**
 * @param {string} url of the WebSocket, absolute
 * @param {number} since ms since the last try
 */
export async function mayTry(url, since) {
  if (!navigator.userAgent.includes("Firefox/") || since > ANYWAY) return true;
  try {
    const answer = await fetch(url.replace(/^ws/, "http"), { cache: "no-store", signal: AbortSignal.timeout(ASKED) });
    return answer.ok; // a proxy answers for a gateway that is away, by an error
  } catch {
    return false;
  }
}
