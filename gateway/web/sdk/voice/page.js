// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The life of the page, as far as calls need to know: it is left, comes back, or is looked at again. */

import { say } from "./words.js";

export class Page {
  #protected = false;

  /**
   * @param {object} options
   * @param {() => void} options.onHide it is left, or loaded again, which nobody can tell by now
   * @param {(event: Event) => void} options.onWake
   * @param {() => boolean | string} options.protection whether the browser asks before a page with a call is left
   * @param {AbortSignal} options.signal
   */
  constructor(options) {
    this.options = options;
    const { signal } = options;
    // pagehide, not unload: a page with an unload listener is kept out of the back/forward cache.
    addEventListener("pagehide", () => options.onHide(), { signal });
    for (const event of ["online", "pageshow", "focus"]) addEventListener(event, options.onWake, { signal });
    signal.addEventListener("abort", () => this.protect(false));
  }

  /** @param {boolean} calling whether there is a call: only then a page may keep its visitor for a question */
  protect(calling) {
    const wanted = calling && Boolean(this.options.protection());
    if (wanted === this.#protected) return;
    this.#protected = wanted;
    if (wanted) addEventListener("beforeunload", this.#ask);
    else removeEventListener("beforeunload", this.#ask);
  }

  /** @param {BeforeUnloadEvent} event browsers ask in words of their own; old ones show ours */
  #ask = (event) => {
    event.preventDefault();
    const protection = this.options.protection();
    event.returnValue = typeof protection === "string" ? protection : say("button.leave");
  };
}
