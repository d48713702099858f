// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** Unfolds the panel out of the button: above all else on the page, and kept beside its button while it is seen. */

import { isPanel } from "./attributes.js";
import { keepPlaced, placePanel } from "./place.js";

export class Fold {
  /** @type {(() => void) | null} while the panel is over the page */
  #stop = null;
  /** Where it was wanted last. */
  #wanted = "";
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
    panel.hidden = !expanded;
    const over = expanded && !isPanel(this.#host) && this.#host.isConnected;
    const wanted = ["variant", "placement"].map((name) => this.#host.getAttribute(name)).join(" ");
    if (over === (this.#stop !== null) && wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.close();
    if (!over) return;
    // In the top layer no box of the page cuts it off, and none lies over it
    panel.popover = "manual";
    panel.showPopover?.();
    const stop = keepPlaced(() => this.#place(panel), panel);
    this.#stop = () => {
      stop();
      panel.popover = null;
    };
    this.#place(panel);
  }

  /** It is over the page no more; one that is moved within the page loses its place in the top layer. */
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
 * What has the focus in the element: a part of it, or what the page has put into a slot.
 *
 * @param {HTMLElement} host
 * @param {ShadowRoot} root
 */
export function focusedIn(host, root) {
  const page = /** @type {Document | ShadowRoot} */ (host.getRootNode());
  const slotted = host.contains(page.activeElement ?? null) ? page.activeElement : null;
  return root.activeElement ?? slotted;
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
