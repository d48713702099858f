// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The element's parts: the button, which is there from the start, and the panel, made when it is wanted first. */

import { h, icon } from "./dom.js";
import * as icons from "./icons.js";

/** @typedef {ReturnType<typeof makeLauncher>} Launcher */
/** @typedef {ReturnType<typeof makePanel>} Panel */

export function makeLauncher() {
  const label = h("span", { class: "label", part: "label" }, h("slot", { name: "label", text: "button.call" }));
  const clock = h("span", { class: "clock", dir: "ltr", hidden: true });
  const element = h(
    "button",
    { class: "launcher", part: "button", type: "button" },
    h("slot", { name: "icon" }, icon(icons.PHONE)),
    label,
    clock,
  );
  // Apart from what is seen: a reader of the screen hears each state once, wherever the focus is
  const live = h("div", { class: "unseen", role: "status" });
  const audio = h("audio", { playsinline: true, autoplay: true });
  return { element, label, clock, live, audio };
}

/**
 * @param {string} name
 * @param {string} path
 * @param {Record<string, string | boolean>} [more]
 */
const tool = (name, path, more = {}) =>
  h(
    "button",
    { class: "tool", part: `control ${name}`, type: "button", ...more },
    h("span", { class: "disc" }, icon(path)),
    h("span", { class: "caption", text: `button.${name}` }),
  );

/** @param {string} key */
const main = (key) => h("button", { class: "main", part: "primary", type: "button", text: `button.${key}` });

/** @param {string} key */
const second = (key) => h("button", { class: "second", part: "secondary", type: "button", text: `button.${key}` });

/**
 * @param {object} inner
 * @param {HTMLElement} inner.keypad
 * @param {HTMLElement} inner.settings
 * @param {import("./feedback.js").Feedback} inner.feedback
 */
export function makePanel({ keypad, settings, feedback }) {
  const unfolds = (/** @type {string} */ id) => ({ "aria-expanded": "false", "aria-controls": id });
  keypad.id = "pad";
  settings.id = "settings";
  const tools = {
    mute: tool("mute", icons.MICROPHONE, { "aria-pressed": "false" }),
    keypad: tool("keypad", icons.KEYPAD, unfolds("pad")),
    hold: tool("hold", icons.HOLD, { "aria-pressed": "false" }),
    transfer: tool("transfer", icons.TRANSFER, unfolds("pad")),
    settings: tool("settings", icons.SPEAKER, unfolds("settings")),
  };
  tools.mute.append(h("span", { class: "level", "aria-hidden": "true" }));
  const buttons = {
    start: h("button", { class: "main", part: "primary", type: "button" }, icon(icons.PHONE), h("slot", { name: "start", text: "button.call" })),
    agree: main("agree"),
    disagree: second("disagree"),
    accept: main("accept"),
    decline: h("button", { class: "main danger", part: "hangup", type: "button", text: "button.decline" }),
    again: main("again"),
    close: second("close"),
    hangup: h("button", { class: "main danger", part: "hangup", type: "button" }, icon(icons.HANG_UP), h("span")),
    minimize: h("button", { class: "corner", part: "minimize", type: "button", label: "button.minimize" }, icon(icons.MINIMIZE)),
  };
  const quality = h("span", { class: "quality", part: "quality", role: "img" }, h("i"), h("i"), h("i"));
  const name = h("strong", { class: "name", part: "heading", id: "name", dir: "auto" });
  const status = h("p", { class: "status", part: "status" });
  const clock = h("span", { class: "clock", part: "timer", role: "timer", dir: "ltr", label: "button.timer" });
  const fallback = h("a", { class: "fallback", part: "fallback" });
  const toolbar = h("div", { class: "tools", part: "controls" }, ...Object.values(tools));
  const { minimize, ...choices } = buttons;
  /** Shown in some phases alone. */
  const folds = {
    fallback: h("slot", { name: "fallback" }, fallback),
    keypad,
    settings,
    tools: toolbar,
    feedback: feedback.element,
    thanks: feedback.thanks,
  };
  const details = {
    consent: h("div", { class: "detail consent", part: "consent", id: "consent" }, h("slot", { name: "consent" }, h("p"))),
    caller: h("p", { class: "detail caller", part: "caller", dir: "ltr" }),
    advice: h("p", { class: "detail advice", part: "advice" }),
    notice: h("p", { class: "detail notice", part: "notice" }),
  };
  const element = h(
    "section",
    { class: "panel", part: "panel", role: "group", "aria-labelledby": "name", tabindex: -1, hidden: true },
    h("header", { class: "head", part: "header" }, quality, minimize),
    h("div", { class: "avatar", part: "avatar", "aria-hidden": "true" }, h("slot", { name: "avatar" }, icon(icons.PHONE))),
    h("div", { class: "who" }, h("slot", { name: "heading" }, name), status, clock),
    ...Object.values(details),
    ...Object.values(folds),
    h("div", { class: "choices", part: "actions" }, ...Object.values(choices)),
    h("slot", { name: "footer" }),
  );
  return { element, tools, buttons, folds, quality, name, status, clock, fallback, details };
}
