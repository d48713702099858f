// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What the element's attributes say. They are read when they count: a page may change them at any time. */

import { CONSENT_KEY } from "./consent.js";
import { languageOf } from "./texts.js";

/** @typedef {import("../voice-client.js").ConnectOptions} ConnectOptions */

const WEBSOCKET_PATH = "/v1/ws";

/** What the client refuses, with a word for the page's author. */
const NO_ADDRESS = "wss:";

const PARAMETERS = /** @type {const} */ ([
  ["to", "to"],
  ["from", "from"],
  ["display-name", "displayName"],
]);

/**
 * @param {Element} element
 * @returns {Partial<ConnectOptions>}
 */
export function parametersOf(element) {
  /** @type {Partial<ConnectOptions>} */
  const given = {};
  for (const [name, key] of PARAMETERS) {
    const value = element.getAttribute(name);
    if (value) given[key] = value;
  }
  return given;
}

/**
 * What a client of the gateway is made with. Without an address it is the gateway that served this file.
 *
 * @param {Element} element
 * @returns {import("../voice-client.js").DeviceOptions & { language: string }}
 */
export function deviceOptionsOf(element) {
  const gateway = element.getAttribute("gateway");
  return {
    url: gateway ? websocketOf(gateway) : undefined,
    token: element.getAttribute("token") ?? undefined,
    language: languageOf(element),
    ringback: (to) => element.getAttribute("ringback") ?? ringbackOf(to),
    closeProtection: element.hasAttribute("close-protection"),
    keepCalls: true,
  };
}

/** @param {string} gateway */
function websocketOf(gateway) {
  try {
    return new URL(gateway, document.baseURI).href.replace(/^http/, "ws").replace(/\/$/, "") + WEBSOCKET_PATH;
  } catch {
    return NO_ADDRESS;
  }
}

/** How it rings in a country, by the beginning of its numbers; elsewhere as in most of Europe. */
const RINGBACK = /** @type {const} */ ({
  "+1": "us", "+44": "uk", "+33": "fr", "+61": "au", "+91": "in", "+81": "jp", "+86": "cn",
});

/** @param {string} to */
const ringbackOf = (to) => Object.entries(RINGBACK).find(([prefix]) => to.startsWith(prefix))?.[1] ?? "eu";

/** @param {Element} element */
export const consentKeyOf = (element) => element.getAttribute("consent-key") ?? CONSENT_KEY;

/** @param {Element} element */
export const isPanel = (element) => element.getAttribute("variant") === "panel";

/** @param {Element} element which is the same after the page was loaded again */
export const nameOf = (element) =>
  ["gateway", "to", "identity", "id"].map((name) => element.getAttribute(name)).join(" ");
