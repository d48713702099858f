// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The element's texts: those of the language, and over them those that the page gives. */

import { chooseLanguage, ENGLISH, fill, LANGUAGES, loadTexts } from "../texts/index.js";

/** @typedef {import("../texts/index.js").Texts} Texts */

/**
 * @param {Element} element
 * @returns {string} a language that there are texts of
 */
export function languageOf(element) {
  /** @type {Element | null} */
  let at = element;
  while (at) {
    /** @type {Element | null} */
    const around = at.closest("[lang]");
    const lang = around?.getAttribute("lang");
    if (lang) return chooseLanguage([lang]);
    /** @type {Node} */
    const root = (around ?? at).getRootNode();
    at = root instanceof ShadowRoot ? root.host : null;
  }
  return chooseLanguage(navigator.languages);
}

/**
 * A number that is put into Arabic would end with its plus sign, and turn its groups around (Unicode UAX #9,
 * FIRST STRONG ISOLATE).
 *
 * @param {Record<string, string | number>} values
 */
const isolate = (values) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, `\u2068${value}\u2069`]));

export class Wording {
  /** @type {Texts} */
  #texts = ENGLISH;
  /** @type {Texts} */
  own = {};
  language = "en";
  /** What was asked for last; its texts may be on their way. */
  #wanted = "";

  get direction() {
    return LANGUAGES[this.language].direction;
  }

  /** @param {string} language */
  async use(language) {
    this.#wanted = language;
    const texts = await loadTexts(language);
    if (language !== this.#wanted) return;
    this.#texts = texts;
    this.language = language;
  }

  /**
   * @param {string} key
   * @param {Record<string, string | number>} [values]
   */
  t = (key, values = {}) => fill(this.find(key) ?? key, this.direction === "rtl" ? isolate(values) : values);

  /**
   * @param {string} key
   * @returns {string | undefined}
   */
  find(key) {
    return this.own[key] ?? this.#texts[key];
  }
}
