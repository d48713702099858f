// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Hold and transfer: what the page asks of a call that is up. */

import * as view from "./view.js";

/** @typedef {import("/sdk/voice-client.js").Call} Call */
/** @typedef {import("/sdk/voice-client.js").CallError} CallError */

/** The gateway has no hold at all, as with the stock SIP engine. */
const NOT_IMPLEMENTED = 501;

/**
 * @param {() => Call | undefined} present
 * @param {object} handlers
 * @param {(name: string, detail?: string) => void} handlers.note
 * @param {(error: CallError) => void} handlers.complain
 */
export function watchMidcall(present, { note, complain }) {
  /** The end of a call rejects what was asked of it, and is told by itself. */
  const fail = (/** @type {Call} */ call) => (/** @type {CallError} */ error) => {
    if (!call.end) complain(error);
  };

  view.holdButton.addEventListener("click", () => {
    const call = present();
    if (!call) return;
    view.hideNotice();
    const asked = call.held.local ? call.resume() : call.hold();
    asked.catch((/** @type {CallError} */ error) => {
      if (error.sipCode === NOT_IMPLEMENTED) view.withholdHold();
      fail(call)(error);
    });
  });
  view.transferButton.addEventListener("click", () => view.showTransfer(Boolean(view.transferForm.hidden)));
  view.transferForm.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") view.showTransfer(false);
  });
  view.transferForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const call = present();
    const to = view.transferField.value.trim();
    if (call && to) transfer(call, to).catch(fail(call));
  });

  /**
   * @param {Call} call
   * @param {string} to
   */
  async function transfer(call, to) {
    note("transfer", to);
    view.hideNotice();
    view.showTransfer(false);
    view.showProgress(`Transferring to ${to}…`);
    try {
      const { sipCode, reason } = await call.transfer(to);
      note("transferred", `${sipCode} ${reason}`);
    } finally {
      if (!call.end) view.showHeld(call.held);
    }
  }
}

/**
 * @param {Call} call
 * @param {(name: string, detail?: string) => void} note
 */
export function followMidcall(call, note) {
  /** @param {"held" | "resumed"} event */
  const tell = (event) => (/** @type {string} */ by) => {
    note(event, by);
    view.showHeld(call.held);
  };
  call.on("held", tell("held"));
  call.on("resumed", tell("resumed"));
  call.on("transferprogress", ({ sipCode, reason }) => {
    note("transfer", `${sipCode} ${reason}`);
    view.showProgress(`Transferring: ${reason || sipCode}…`);
  });
  call.on("redirecting", ({ to, sipCode, reason }) => {
    note("redirecting", `${to} ${sipCode} ${reason}`);
    view.showProgress(`You are being transferred to ${to}…`);
  });
  call.on("redirected", ({ to }) => {
    note("redirected", to);
    view.showHeld(call.held);
  });
  call.on("redirectfailed", ({ to, sipCode, reason }) => {
    note("redirect failed", `${to} ${sipCode} ${reason}`);
    view.showHeld(call.held);
  });
}
