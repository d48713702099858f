// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Gives the element the line that its attributes ask for. When they say something else, the next line takes over
 * what the caller has chosen, and the calls into the page; only a call keeps the line that it runs on.
 */

import { deviceOptionsOf } from "./attributes.js";
import { Line } from "./line.js";
import { fetchToken } from "./token.js";

/** @typedef {import("./element.js").ClickToCall} ClickToCall */

export class Exchange {
  /** @type {Line | null} */
  line = null;
  /** What the line was made with. */
  #made = "";
  #host;
  #options;

  /**
   * @param {ClickToCall} host
   * @param {Omit<import("./line.js").LineOptions, "device">} options
   */
  constructor(host, options) {
    this.#host = host;
    this.#options = options;
  }

  /** @returns {Line} the present one, or another one */
  open() {
    const host = this.#host;
    const tokenUrl = host.getAttribute("token-url");
    const fetches = Boolean(host.fetchToken || tokenUrl);
    const device = deviceOptionsOf(host);
    const made = JSON.stringify({ ...device, token: device.token !== undefined, tokenUrl, fetches });
    const before = this.line;
    if (before && (this.#made === made || before.busy)) return before;
    this.#made = made;
    const newToken = () => (host.fetchToken ? host.fetchToken() : fetchToken(tokenUrl ?? ""));
    const line = new Line({ ...this.#options, device: { ...device, fetchToken: fetches ? newToken : undefined } });
    this.line = line;
    if (before) {
      for (const kind of /** @type {const} */ (["input", "output"])) void line.choose(kind, before.device.audio[kind]);
      before.device.destroy();
      this.reach();
    }
    return line;
  }

  /** Takes calls into the page, or no more. */
  reach() {
    if (!this.#host.isConnected) return;
    const identity = this.#host.getAttribute("identity");
    const line = identity === null ? this.line : this.open();
    void line?.reachable.want(identity);
  }

  close() {
    this.line?.device.destroy();
    this.line = null;
  }
}
