// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The keypad: by pointer, by keyboard, and 0 held down for +. A key is pressed when it is let go of, as
 * any button; only a key that was held is done by then.
 */

import { keypad } from "./elements.js";

const HELD_AFTER = 500; // ms, as phones have it
const LIT = 140; // ms

/** @param {(digit: string) => void} press */
export function watchKeypad(press) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  let held = false;

  const letGo = () => clearTimeout(waiting);

  keypad.addEventListener("pointerdown", (event) => {
    held = false;
    letGo();
    const { held: sign } = keyOf(event)?.dataset ?? {};
    if (!sign || event.button !== 0) return;
    waiting = setTimeout(() => {
      held = true;
      press(sign);
    }, HELD_AFTER);
  });
  for (const event of ["pointerup", "pointercancel", "pointerleave"]) keypad.addEventListener(event, letGo);
  // A finger that rests on a key asks for no menu
  keypad.addEventListener("contextmenu", (event) => event.preventDefault());
  keypad.addEventListener("click", (event) => {
    const { digit } = keyOf(event)?.dataset ?? {};
    // A click without a pointer (detail 0) is of a keyboard, and follows no holding
    if (digit && !(held && event.detail > 0)) press(digit);
    held = false;
  });
}

/** @param {Event} event */
function keyOf({ target }) {
  return target instanceof Element ? target.closest("button") : null;
}

/** @param {string} digit lights its key for a moment */
export function flashKey(digit) {
  const key = keypad.querySelector(`[data-digit="${digit}"], [data-held="${digit}"]`);
  key?.classList.add("pressed");
  setTimeout(() => key?.classList.remove("pressed"), LIT);
}
