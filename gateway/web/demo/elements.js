// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The page's elements by their ids: a name that is mistyped fails as the page loads, and not in mid-call. */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function find(id, type) {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new TypeError(`the page has no ${type.name} with id ${id}`);
  return element;
}

export const app = find("app", HTMLElement);
export const callButton = find("call", HTMLButtonElement);
export const hangupButton = find("hangup", HTMLButtonElement);
export const answerButton = find("answer", HTMLButtonElement);
export const rejectButton = find("reject", HTMLButtonElement);
export const muteButton = find("mute", HTMLButtonElement);
export const holdButton = find("hold", HTMLButtonElement);
export const transferButton = find("transfer-open", HTMLButtonElement);
export const transferForm = find("transfer", HTMLFormElement);
export const transferField = find("transfer-to", HTMLInputElement);
export const reachForm = find("reach", HTMLFormElement);
export const identityField = find("identity", HTMLInputElement);
export const numberField = find("number", HTMLInputElement);
export const eraseButton = find("erase", HTMLButtonElement);
export const form = find("dial", HTMLFormElement);
export const noticeBox = find("notice", HTMLElement);
export const keypad = find("keypad", HTMLElement);
export const extensionList = find("extensions", HTMLElement);

/**
 * @param {string} name of a symbol of the page's
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}
