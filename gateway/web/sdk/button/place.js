// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Where the panel stands: it grows out of the button, and stays within the window. On a phone it is a
 * sheet at the bottom, which the style does alone.
 */

/** From the window's edge. */
const MARGIN = 8;

/**
 * @param {{ left: number, right: number, top: number, bottom: number }} button
 * @param {{ width: number, height: number }} panel
 * @param {{ width: number, height: number }} view
 * @param {{ end: boolean, top: boolean }} towards whether the panel's end meets the button's end, and its top the
 *   button's top
 * @param {boolean} rtl
 * @returns {{ x: number, y: number }}
 */
export function placePanel(button, panel, view, { end, top }, rtl) {
  const x = end !== rtl ? button.right - panel.width : button.left;
  const y = top ? button.top : button.bottom - panel.height;
  /** @type {(value: number, size: number, room: number) => number} */
  const within = (value, size, room) => Math.max(MARGIN, Math.min(value, room - size - MARGIN));
  return { x: within(x, panel.width, view.width), y: within(y, panel.height, view.height) };
}

/**
 * Keeps the panel beside its button for as long as it is seen.
 *
 * @param {() => void} place
 * @param {Element} panel
 * @returns {() => void} stops it
 */
export function keepPlaced(place, panel) {
  const over = new AbortController();
  const options = { signal: over.signal, passive: true };
  const observer = new ResizeObserver(place);
  observer.observe(panel);
  addEventListener("resize", place, options);
  addEventListener("scroll", place, { ...options, capture: true });
  return () => {
    over.abort();
    observer.disconnect();
  };
}
