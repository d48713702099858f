// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Elements without markup in strings: a page whose policy asks for Trusted Types, or forbids inline
 * styles, takes them. Texts are named by their key, so that another language can be put in later.
 */

/** @typedef {(key: string, values?: Record<string, string | number>) => string} Translate */

/**
 * `text` and `label` are keys of the texts: of what the element says, and of its accessible name.
 *
 * @typedef {{ [name: string]: string | number | boolean | undefined }} Attributes
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes] true is the empty one, false and undefined are none
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    const attribute = name === "text" || name === "label" ? `data-${name}` : name;
    element.setAttribute(attribute, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/**
 * @param {string} path of 24 by 24, drawn by strokes
 * @param {string} [name] for the style
 */
export function icon(path, name = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", `icon ${name}`.trim());
  const drawn = document.createElementNS(SVG, "path");
  drawn.setAttribute("d", path);
  svg.append(drawn);
  return svg;
}

/**
 * Puts the texts in, wherever a key says so.
 *
 * @param {ParentNode} root
 * @param {Translate} t
 */
export function translate(root, t) {
  for (const element of root.querySelectorAll("[data-text], [data-label]")) {
    const { text, label } = /** @type {HTMLElement} */ (element).dataset;
    if (text) element.textContent = t(text);
    if (label) element.setAttribute("aria-label", t(label));
  }
}
