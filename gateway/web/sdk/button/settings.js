// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Microphone and speaker, each with how loud it is. Browsers name them once the microphone is allowed,
 * and some (Safari) choose the speaker themselves: there the choice is not offered.
 */

import { h } from "./dom.js";

/** @typedef {"input" | "output"} Kind */

const NAMES = /** @type {const} */ ({
  input: ["button.microphone", "button.microphone-level"],
  output: ["button.speaker", "button.speaker-level"],
});

/** Often enough for a reader of the screen, which tells each change. */
const TELLING = 1_000;

export class Settings {
  #told = 0;

  /**
   * @param {object} options
   * @param {(kind: Kind, id: string) => Promise<void>} options.choose
   * @param {(kind: Kind) => string} options.chosen "" is the system's choice
   */
  constructor({ choose, chosen }) {
    this.chosen = chosen;
    this.input = makeChoice("input");
    this.output = makeChoice("output");
    this.element = h("div", { class: "settings", part: "settings" }, this.input.element, this.output.element);
    for (const kind of /** @type {const} */ (["input", "output"])) {
      const { select } = this[kind];
      select.addEventListener("change", async () => {
        await choose(kind, select.value);
        select.value = chosen(kind); // which one that is refused does not become
      });
    }
    this.output.select.hidden = !("setSinkId" in HTMLMediaElement.prototype);
  }

  /**
   * Asks the browser what there is.
   *
   * @param {import("./dom.js").Translate} t
   */
  async list(t) {
    const devices = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
    for (const kind of /** @type {const} */ (["input", "output"])) {
      // The system's choice stands first; Chromium lists it once more
      const found = devices.filter(({ kind: k, deviceId: id }) => k === `audio${kind}` && id && id !== "default");
      const options = found.map(({ deviceId, label }, i) => {
        return new Option(label || t("button.device", { number: i + 1 }), deviceId);
      });
      const { select } = this[kind];
      select.replaceChildren(new Option(t("button.default-device"), ""), ...options);
      select.value = this.chosen(kind);
      if (select.selectedIndex < 0) select.value = "";
    }
  }

  /**
   * @param {number} input 0 to 1
   * @param {number} output
   */
  showLevels(input, output) {
    const now = performance.now();
    const tell = now - this.#told >= TELLING;
    if (tell) this.#told = now;
    for (const [{ meter }, level] of /** @type {const} */ ([[this.input, input], [this.output, output]])) {
      meter.style.setProperty("--level", level.toFixed(2));
      if (tell) meter.setAttribute("aria-valuenow", String(Math.round(100 * level)));
    }
  }
}

/** @param {Kind} kind */
function makeChoice(kind) {
  const [name, level] = NAMES[kind];
  const select = h("select", { class: "field", part: "input", label: name });
  const meter = h("div", {
    class: "meter",
    part: "meter",
    role: "meter",
    label: level,
    "aria-valuemin": 0,
    "aria-valuemax": 100,
    "aria-valuenow": 0,
  });
  const element = h("div", { class: "choice" }, h("span", { class: "caption", text: name }), select, meter);
  return { element, select, meter };
}
