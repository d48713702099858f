// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Being reachable: the name that calls come to this page under, and whether they do at this moment. */

import { askToNotify } from "./attention.js";
import { identityField, reachForm } from "./elements.js";
import { hideNotice, showReach } from "./phone.js";

/** @typedef {import("/sdk/voice-client.js").CallError} CallError */
/** @typedef {import("/sdk/voice-client.js").Device} Device */

/**
 * @param {Device} device
 * @param {object} handlers
 * @param {(name: string, detail?: string) => void} handlers.note
 * @param {(error: CallError) => void} handlers.complain
 */
export function watchReach(device, { note, complain }) {
  async function toggle() {
    const { reach } = reachForm.dataset;
    if (reach === "asking") return;
    if (reach !== "off") {
      await device.unregister();
      return;
    }
    askToNotify();
    hideNotice();
    showReach("asking");
    try {
      // With a token its own name counts, and the field may be empty.
      await device.register(identityField.value.trim() || undefined);
    } catch (error) {
      showReach("off");
      throw error;
    }
  }

  reachForm.addEventListener("submit", (event) => {
    event.preventDefault();
    toggle().catch(complain);
  });
  device.on("registered", (identity) => {
    note("registered", identity);
    showReach("on", identity);
  });
  device.on("unregistered", (error) => {
    note("unregistered", error ? `${error.code} ${error.name}: ${error.reason || error.message}` : "");
    showReach(error && !error.fatal ? "lost" : "off");
    if (error?.fatal) complain(error);
  });
}
