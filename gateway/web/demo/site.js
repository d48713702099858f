// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The button as it would stand on a site of one's own, beside the phone, with the lines that put it there.
 * It calls the number that stands in the phone. Whoever uses both has one call at a time.
 */

import { ClickToCall } from "/sdk/click-to-call.js";

import { find, numberField } from "./elements.js";
import { forgetCall, showCall } from "./seen.js";

const button = find("button", ClickToCall);
const lines = find("site-lines", HTMLElement);

/** Whether the button has a call, or is about to. */
export const hasCallBeside = () => !["idle", "ended"].includes(button.state);

/**
 * @param {object} page
 * @param {() => boolean} page.isBusy with a call of the phone's
 * @param {(name: string, detail: string) => void} page.note
 */
export function watchSite({ isBusy, note }) {
  /** @type {unknown} */
  let shown = null;
  button.addEventListener("click-to-call:before", (event) => {
    if (isBusy()) event.preventDefault();
  });
  button.addEventListener("click-to-call:state", (event) => {
    const { state, call } = /** @type {CustomEvent} */ (event).detail;
    note("button", state);
    if (!call || call === shown || call.end) return;
    shown = call;
    forgetCall();
    showCall(call);
  });
  for (const event of ["input", "change"]) numberField.addEventListener(event, showNumber);
  showNumber();
}

/** @param {string | undefined} token that the next call of the button's is placed with */
export function useToken(token) {
  if (token) button.setAttribute("token", token);
}

/** The number is the phone's; the lines are what is to be copied. */
function showNumber() {
  const to = numberField.value.trim();
  button.setAttribute("to", to);
  const { origin } = location;
  lines.textContent = [
    `<script type="module" src="${origin}/sdk/click-to-call.min.js"></script>`,
    `<click-to-call to="${to}" gateway="${origin}"></click-to-call>`,
  ].join("\n");
}
