// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * What the client says to the person at the page, in the page's language. A language but English is
 * fetched; until it is there, and where it cannot be had, the words are English. There is one language
 * for the whole page: that of the device which was made last.
 */

import { chooseLanguage, ENGLISH, fill, loadTexts } from "../texts/index.js";

/** @type {import("../texts/index.js").Texts} */
let texts = ENGLISH;
let chosen = "en";

/**
 * @param {string} [language] a tag of BCP 47; else that of the document, then those of the browser
 * @returns {string} the one that is spoken
 */
export function speak(language) {
  const own = document.documentElement.lang;
  const wanted = chooseLanguage([language ?? own, ...(language ? [own] : []), ...navigator.languages].filter(Boolean));
  if (wanted !== chosen) {
    chosen = wanted;
    void loadTexts(wanted).then((loaded) => {
      if (chosen === wanted) texts = loaded;
    });
  }
  return chosen;
}

/**
 * @param {string} key of the texts
 * @param {Readonly<Record<string, string | number>>} [values] for its {places}
 * @returns {string} empty where there is no such text
 */
export const say = (key, values = {}) => (Object.hasOwn(texts, key) ? fill(texts[key], values) : "");
