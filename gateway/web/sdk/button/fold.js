// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Unfolds the panel out of the button: above all else on the page, and kept beside its button while it is seen. */

import { isPanel } from "./attributes.js";
import { keepPlaced, placePanel } from "./place.js";

export class Fold {
  /** @type {(() => void) | null} */
  #stop = null;
  #host;
  #button;

  /**
   * @param {HTMLElement} host
   * @param {HTMLElement} button
   */
  constructor(host, button) {
    this.#host = host;
    this.#button = button;
  }

  /**
   * @param {HTMLElement} panel
   * @param {boolean} expanded
   */
  show(panel, expanded) {
    if (panel.hidden === !expanded) return;
    panel.hidden = !expanded;
    // In the top layer no box of the page cuts it off, and none lies over it
    panel.popover = isPanel(this.#host) ? null : "manual";
    this.close();
    if (!expanded || isPanel(this.#host)) return;
    panel.showPopover?.();
    this.#stop = keepPlaced(() => this.#place(panel), panel);
    this.#place(panel);
  }

  close() {
    this.#stop?.();
    this.#stop = null;
  }

  /** @param {HTMLElement} panel */
  #place(panel) {
    const usual = this.#host.getAttribute("variant") === "floating" ? "bottom-end" : "top-start";
    const [block, inline] = (this.#host.getAttribute("placement") ?? usual).split("-");
    const { offsetWidth: width, offsetHeight: height } = panel;
    const { x, y } = placePanel(
      this.#button.getBoundingClientRect(),
      { width, height },
      { width: document.documentElement.clientWidth, height: innerHeight },
      { end: inline === "end", top: block === "top" },
      getComputedStyle(this.#host).direction === "rtl",
    );
    panel.style.setProperty("--x", `${x}px`);
    panel.style.setProperty("--y", `${y}px`);
  }
}

/**
 * Whoever opened the panel is in it, and is back at the button when it closes. Who is elsewhere on the page
 * stays there, also when a call comes in.
 *
 * @param {ShadowRoot} root
 * @param {Element | null} focused before the element has changed
 * @param {HTMLElement} button
 * @param {HTMLElement | undefined} panel where it is seen
 */
export function moveFocus(root, focused, button, panel) {
  if (!focused) return;
  const seen = focused === button ? !panel : focused.getClientRects().length > 0;
  const taken = root.activeElement && root.activeElement !== focused; // by a field of the panel
  if (!seen && !taken) (panel ?? button).focus({ preventScroll: true });
}
