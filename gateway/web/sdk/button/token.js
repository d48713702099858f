// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Call tokens from the site's own server, and what one of them allows. */

/**
 * @param {string} address of the site's own server; asked by POST, with the site's cookies
 * @returns {Promise<string>} the answer's text: the client takes the token alone, or JSON with it
 */
export async function fetchToken(address) {
  const response = await fetch(address, { method: "POST", credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new Error(`${address} answered ${response.status}`);
  return response.text();
}

/**
 * Whether a token names somebody else to hand the call over to. It is read, not believed: the gateway decides.
 *
 * @param {string} [token] JWT
 */
export function grantsTransfer(token = "") {
  try {
    const claims = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const { to = [], transferTo = [] } = JSON.parse(atob(claims)).call;
    return transferTo.length > 0 || to.length > 1 || to[0].endsWith("*");
  } catch {
    return false;
  }
}
