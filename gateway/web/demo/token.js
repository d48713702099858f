// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The call token of the demo page: from `#token=…` in its address, or from the field in its settings.
 * What stands behind `#` is sent to no server, so that it is in no log; from the address it is
 * removed at once, so that it is in no history, and in no link that is passed on.
 */

import { find } from "./elements.js";

const field = find("token", HTMLInputElement);

/** @returns {string | undefined} */
export function givenToken() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  if (token) {
    given.delete("token");
    const rest = given.toString();
    history.replaceState(history.state, "", `${location.pathname}${location.search}${rest && `#${rest}`}`);
    field.value = token;
  }
  return field.value.trim() || undefined;
}

/** @param {(token: string) => void} onToken a new one was given */
export function watchToken(onToken) {
  const tell = () => {
    const token = givenToken();
    if (token) onToken(token);
  };
  field.addEventListener("change", tell);
  addEventListener("hashchange", () => {
    if (location.hash.includes("token=")) tell();
  });
}
