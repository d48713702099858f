// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The panel with all that is in it: what the caller does there becomes one word of `Actions`. */

import { translate } from "./dom.js";
import { Feedback } from "./feedback.js";
import { Keypad } from "./keypad.js";
import { Settings } from "./settings.js";
import { makePanel } from "./template.js";
import { showPanel } from "./view.js";

/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./texts.js").Wording} Wording */

/**
 * @typedef {object} Actions
 * @property {() => void} start
 * @property {() => void} again to the same number
 * @property {() => void} agree
 * @property {() => void} accept
 * @property {() => void} hangUp also to decline
 * @property {() => void} close also to disagree
 * @property {() => void} minimize
 * @property {() => void} mute
 * @property {() => void} hold
 * @property {(view: import("./model.js").View) => void} unfold
 * @property {(digit: string) => void} sendDigit
 * @property {(number: string) => void} useNumber to call, or to transfer to
 * @property {(kind: "input" | "output", id: string) => Promise<void>} choose
 * @property {(kind: "input" | "output") => string} chosen
 * @property {(score: number, issue: string) => void} rate
 */

/**
 * @typedef {object} Can what there is to do, beside what the model says
 * @property {boolean} call again
 * @property {boolean} transfer
 * @property {boolean} hold
 * @property {boolean} close
 * @property {boolean} minimize
 */

export class Panel {
  /** @type {Model | null} that is shown */
  #model = null;
  #actions;

  /** @param {Actions} actions */
  constructor(actions) {
    this.#actions = actions;
    this.keypad = new Keypad({ onDigit: actions.sendDigit, onNumber: actions.useNumber });
    this.settings = new Settings(actions);
    this.feedback = new Feedback(actions.rate);
    this.parts = makePanel({ keypad: this.keypad.element, settings: this.settings.element, feedback: this.feedback });
    this.element = this.parts.element;
    this.#listen();
  }

  /** @param {Wording} words */
  translate(words) {
    this.feedback.translate(words.t);
    translate(this.element, words.t);
    if (this.#model?.view === "settings") void this.settings.list(words.t);
  }

  /**
   * @param {Model} model
   * @param {Wording} words
   * @param {Can} can
   */
  show(model, words, can) {
    const { phase, view } = model;
    const before = this.#model;
    this.#model = model;
    if (phase === "starting" && before?.phase !== phase) {
      this.keypad.clear();
      this.feedback.clear();
      this.showLevels(0, 0);
    }
    const writing = phase === "number" || view === "transfer";
    this.keypad.setMode(writing ? "number" : "digits", view === "transfer" ? "button.transfer-now" : "button.call");
    translate(this.keypad.element, words.t);
    showPanel(this.parts, model, words, can);
    if (view === before?.view && phase === before.phase) return;
    if (writing) this.keypad.field.focus();
    if (view === "settings") void this.settings.list(words.t);
  }

  /**
   * @param {number} input 0 to 1
   * @param {number} output
   */
  showLevels(input, output) {
    this.element.style.setProperty("--input", input.toFixed(2));
    this.element.style.setProperty("--output", output.toFixed(2));
    this.settings.showLevels(input, output);
  }

  #listen() {
    const { buttons, tools } = this.parts;
    const actions = this.#actions;
    /** @type {[HTMLElement, () => void][]} */
    const clicks = [
      [buttons.start, actions.start],
      [buttons.again, actions.again],
      [buttons.agree, actions.agree],
      [buttons.disagree, actions.close],
      [buttons.accept, actions.accept],
      [buttons.decline, actions.hangUp],
      [buttons.hangup, actions.hangUp],
      [buttons.close, actions.close],
      [buttons.minimize, actions.minimize],
      [tools.mute, actions.mute],
      [tools.hold, actions.hold],
      [tools.keypad, () => actions.unfold("keypad")],
      [tools.transfer, () => actions.unfold("transfer")],
      [tools.settings, () => actions.unfold("settings")],
    ];
    for (const [button, action] of clicks) {
      button.addEventListener("click", () => {
        if (button.getAttribute("aria-disabled") !== "true") action();
      });
    }
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const { target, key } = event;
    const model = this.#model;
    if (!model || event.ctrlKey || event.altKey || event.metaKey) return;
    // Where nothing is to be closed here it is the page's
    if (key === "Escape" && model.phase !== "idle") {
      event.stopPropagation();
      event.preventDefault(); // it would close a dialog that the page has around the element
      if (model.view) {
        this.parts.tools[model.view].focus();
        this.#actions.unfold(model.view);
      } else if (!this.parts.buttons.minimize.hidden) this.#actions.minimize();
      else this.#actions.close();
      return;
    }
    const writing = target instanceof HTMLElement && target.matches("input, textarea, select");
    if (writing || !/^[0-9*#]$/.test(key) || !["open", "ringing"].includes(model.phase)) return;
    event.preventDefault();
    if (!event.repeat) this.keypad.press(key); // a key that is held down is one digit
  }
}
