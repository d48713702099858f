// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * The languages that people may read and hear this in, in one table. English comes along with the
 * client; each other language is a file beside this one, fetched when somebody wants it. The loaders
 * name their files in full, since that is what bundlers can follow.
 */

import en from "./en.js";

/** @typedef {Readonly<Record<string, string>>} Texts by key, such as `error.busy` */
/** @typedef {{ name: string, direction: "ltr" | "rtl", load: () => Promise<{ default: Texts }> }} Language */

/** @type {Texts} */
export const ENGLISH = en;

/**
 * @param {string} name what its speakers call it
 * @param {Language["load"]} load
 * @param {Language["direction"]} [direction] of its script
 * @returns {Language}
 */
const language = (name, load, direction = "ltr") => ({ name, direction, load });

/** @type {Readonly<Record<string, Language>>} by the language's subtag of BCP 47 */
export const LANGUAGES = {
  en: language("English", async () => ({ default: en })),
  de: language("Deutsch", () => import("./de.js")),
  es: language("Español", () => import("./es.js")),
  fr: language("Français", () => import("./fr.js")),
  pt: language("Português", () => import("./pt.js")),
  it: language("Italiano", () => import("./it.js")),
  nl: language("Nederlands", () => import("./nl.js")),
  pl: language("Polski", () => import("./pl.js")),
  tr: language("Türkçe", () => import("./tr.js")),
  ar: language("العربية", () => import("./ar.js"), "rtl"),
  hi: language("हिन्दी", () => import("./hi.js")),
  ja: language("日本語", () => import("./ja.js")),
  ko: language("한국어", () => import("./ko.js")),
  zh: language("简体中文", () => import("./zh.js")),
};

/** Of regions that write Chinese in traditional characters, in which there are no texts. */
const TRADITIONAL = /^zh-(?!hans)(.*-)?(hant|hk|mo|tw)\b/;

/**
 * @param {readonly string[]} wanted tags of BCP 47, the dearest first, as in `navigator.languages`
 * @returns {string} a key of `LANGUAGES`; English where there is none of them
 */
export function chooseLanguage(wanted) {
  const tags = wanted.map((tag) => tag.toLowerCase().replaceAll("_", "-"));
  const known = tags.map((tag) => (TRADITIONAL.test(tag) ? "" : tag.split("-")[0]));
  return known.find((subtag) => Object.hasOwn(LANGUAGES, subtag)) ?? "en";
}

/**
 * @param {string} language a key of `LANGUAGES`
 * @returns {Promise<Texts>} with every key: what a language lacks, or cannot be fetched, is English
 */
export async function loadTexts(language) {
  if (!Object.hasOwn(LANGUAGES, language)) return en;
  const loaded = await LANGUAGES[language].load().catch(() => ({ default: {} }));
  return { ...en, ...loaded.default };
}

/**
 * @param {string} text
 * @param {Readonly<Record<string, string | number>>} values for the text's {places}; one without a value stays
 */
export function fill(text, values) {
  return text.replace(/\{([a-z]+)\}/g, (place, name) => (Object.hasOwn(values, name) ? String(values[name]) : place));
}
