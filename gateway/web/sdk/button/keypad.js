// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The keys of a telephone: they send digits into a call, or write a number into a field. A long press
 * on 0 writes +, as it does on a phone; into a call it would mean nothing.
 */

import { h, icon } from "./dom.js";
import { ERASE } from "./icons.js";

const KEYS = "123456789*0#";
const LETTERS = ["", "ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ", "", "+", ""];

/** As long as a phone's own. */
const LONG_PRESS = 500;
const FLASH = 150;
/** What is shown of the digits sent. */
const SHOWN = 20;

/** @typedef {"digits" | "number"} KeypadMode */

export class Keypad {
  /** @type {KeypadMode} */
  #mode = "digits";
  #onDigit;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #pressing;
  /** Whether the press that ends now was a long one, whose click is none. */
  #wasLong = false;

  /**
   * @param {object} options
   * @param {(digit: string) => void} options.onDigit in mode `digits`
   * @param {(number: string) => void} options.onNumber the number was written, and is to be used
   */
  constructor({ onDigit, onNumber }) {
    this.#onDigit = onDigit;
    this.keys = h("div", { class: "keys", part: "keypad", role: "group", label: "button.keypad" });
    for (const [i, key] of [...KEYS].entries()) this.keys.append(makeKey(key, LETTERS[i]));
    this.sent = h("output", { class: "sent", part: "digits", label: "button.digits", dir: "ltr" });
    this.field = h("input", {
      class: "field",
      part: "input",
      type: "tel",
      autocomplete: "off",
      autocapitalize: "none",
      dir: "ltr",
      maxlength: 80,
      label: "button.number",
    });
    this.erase = h("button", { class: "erase", type: "button", label: "button.erase" }, icon(ERASE, "turn"));
    this.submit = h("button", { class: "main", part: "primary" });
    this.element = h(
      "form",
      { class: "pad", novalidate: true },
      this.sent,
      h("div", { class: "number" }, this.field, this.erase),
      this.keys,
      this.submit,
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      const number = this.field.value.trim();
      if (number) onNumber(number);
      else this.field.focus();
    });
    this.erase.addEventListener("click", () => {
      this.field.value = this.field.value.slice(0, -1);
    });
    this.#listen();
  }

  /**
   * @param {KeypadMode} mode
   * @param {string} [use] key of the text on the button that uses the number
   */
  setMode(mode, use = "button.call") {
    // On a phone these keys are enough for a number, and the system's would cover them; a name needs letters
    this.field.inputMode = use !== "button.call" ? "text" : matchMedia("(pointer: coarse)").matches ? "none" : "tel";
    if (mode !== this.#mode) this.field.value = "";
    this.#mode = mode;
    this.element.dataset.mode = mode;
    this.submit.dataset.text = use;
  }

  /** Forgets the digits of the last call. */
  clear() {
    this.sent.textContent = "";
  }

  /** @param {string} digit one that was pressed, on these keys or on the keyboard */
  press(digit) {
    this.#flash(digit);
    if (this.#mode === "number") this.field.value += digit;
    else this.#onDigit(digit);
  }

  /** @param {string} digit it is on its way */
  show(digit) {
    this.sent.textContent = `${this.sent.textContent}${digit}`.slice(-SHOWN);
  }

  #listen() {
    const over = () => clearTimeout(this.#pressing);
    this.keys.addEventListener("pointerdown", (event) => {
      over();
      this.#wasLong = false;
      if (this.#mode !== "number" || digitOf(event) !== "0" || event.button) return;
      this.#pressing = setTimeout(() => {
        this.#wasLong = true;
        this.press("+");
      }, LONG_PRESS);
    });
    for (const end of ["pointerup", "pointercancel", "pointerleave"]) this.keys.addEventListener(end, over);
    this.keys.addEventListener("contextmenu", (event) => event.preventDefault());
    this.keys.addEventListener("click", (event) => {
      const digit = digitOf(event);
      // A click by keyboard or by an assistive technology has no press before it
      if (digit && !(this.#wasLong && event.detail)) this.press(digit);
      this.#wasLong = false;
    });
  }

  /** @param {string} digit */
  #flash(digit) {
    const key = this.keys.querySelector(`[data-digit="${digit === "+" ? "0" : digit}"]`);
    key?.classList.add("pressed");
    setTimeout(() => key?.classList.remove("pressed"), FLASH);
  }
}

/** @param {Event} event */
const digitOf = ({ target }) =>
  target instanceof Element ? /** @type {HTMLElement | null} */ (target.closest("[data-digit]"))?.dataset.digit : undefined;

const NAMES = /** @type {Readonly<Record<string, string>>} */ ({ "*": "button.star", "#": "button.pound" });

/**
 * @param {string} key
 * @param {string} letters
 */
const makeKey = (key, letters) =>
  h(
    "button",
    { class: "key", part: "key", type: "button", "data-digit": key, label: NAMES[key] },
    h("span", {}, key === "*" ? "∗" : key),
    h("small", { "aria-hidden": "true" }, letters),
  );
