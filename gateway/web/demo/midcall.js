// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Hold and transfer: what the page asks of a call that is up. */

import { holdButton, transferButton, transferField, transferForm } from "./elements.js";
import * as phone from "./phone.js";

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

  holdButton.addEventListener("click", () => {
    const call = present();
    if (!call) return;
    phone.hideNotice();
    /** @type {Promise<unknown>} */
    const asked = call.held.local ? call.resume() : call.hold();
    asked.catch((/** @type {CallError} */ error) => {
      if (error.sipCode === NOT_IMPLEMENTED) phone.withholdHold();
      fail(call)(error);
    });
  });
  transferButton.addEventListener("click", () => phone.showTransfer(Boolean(transferForm.hidden)));
  transferForm.addEventListener("keydown", ({ key }) => {
    if (key === "Escape") phone.showTransfer(false);
  });
  transferForm.addEventListener("submit", (event) => {
    event.preventDefault();
    const call = present();
    const to = transferField.value.trim();
    if (call && to) transfer(call, to).catch(fail(call));
  });

  /**
   * @param {Call} call
   * @param {string} to
   */
  async function transfer(call, to) {
    note("transfer", to);
    phone.hideNotice();
    phone.showTransfer(false);
    phone.showProgress(`Transferring to ${to}…`);
    try {
      const { sipCode, reason } = await call.transfer(to);
      note("transferred", `${sipCode} ${reason}`);
    } finally {
      if (!call.end) phone.showHeld(call.held);
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
    phone.showHeld(call.held);
  };
  call.on("held", tell("held"));
  call.on("resumed", tell("resumed"));
  call.on("transferprogress", ({ sipCode, reason }) => {
    note("transfer", `${sipCode} ${reason}`);
    phone.showProgress(`Transferring: ${reason || sipCode}…`);
  });
  call.on("redirecting", ({ to, sipCode, reason }) => {
    note("redirecting", `${to} ${sipCode} ${reason}`);
    phone.showProgress(`You are being transferred to ${to}…`);
  });
  call.on("redirected", ({ to }) => {
    note("redirected", to);
    phone.showHeld(call.held);
  });
  call.on("redirectfailed", ({ to, sipCode, reason }) => {
    note("redirect failed", `${to} ${sipCode} ${reason}`);
    phone.showHeld(call.held);
  });
}
