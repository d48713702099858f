// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/**
 * Four small charts, one for each figure, with a line for each leg. Lines differ by color and by
 * dashes. Each chart says in words what it shows, and the table below them has the latest figures.
 */

import { find } from "./elements.js";
import { figure, percent } from "./format.js";
import { extended, meanOf, pathOf, rangeOf, summaryOf } from "./series.js";

/** @typedef {import("/sdk/voice-client.js").Quality} Quality */
/** @typedef {import("./series.js").Values} Values */
/** @typedef {"browser" | "trunk"} Leg */
/** @typedef {NonNullable<Quality["browser"]>} LegQuality */

const WIDTH = 300;
const HEIGHT = 80;
const SECONDS = 2; // between two values

const SVG = "http://www.w3.org/2000/svg";

/** @type {Readonly<Record<Leg, string>>} */
const LEGS = { browser: "Browser", trunk: "SIP trunk" };

/**
 * @typedef {object} Figure
 * @property {string} key
 * @property {string} name
 * @property {string} unit
 * @property {import("./series.js").Range} usual what is drawn at least
 * @property {"least" | "most"} worst
 * @property {(leg: Partial<LegQuality>) => number | null | undefined} of
 */

/** @type {readonly Figure[]} */
const FIGURES = [
  { key: "mos", name: "MOS", unit: "", usual: { low: 1, high: 4.5 }, worst: "least", of: ({ mos }) => mos },
  { key: "loss", name: "Loss", unit: "%", usual: { low: 0, high: 5 }, worst: "most",
    of: ({ loss }) => percent(loss ?? null) },
  { key: "jitter", name: "Jitter", unit: "ms", usual: { low: 0, high: 20 }, worst: "most",
    of: ({ jitterMs }) => jitterMs },
  { key: "rtt", name: "Round trip", unit: "ms", usual: { low: 0, high: 100 }, worst: "most",
    of: ({ rttMs }) => rttMs },
];

class Chart {
  /** @type {Record<Leg, Values>} */
  lines = { browser: [], trunk: [] };

  /** @param {Figure} figure_ */
  constructor(figure_) {
    this.figure = figure_;
    this.element = document.createElement("figure");
    this.element.className = "chart";
    this.element.dataset.figure = figure_.key;
    this.drawing = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.drawing.append(shape("path", { class: "grid", d: `M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}` }));
    /** @type {Record<Leg, SVGElement>} */
    this.paths = { browser: shape("path", { "data-leg": "browser" }), trunk: shape("path", { "data-leg": "trunk" }) };
    this.drawing.append(this.paths.browser, this.paths.trunk); // its dashes let the other line through
    const caption = document.createElement("figcaption");
    caption.textContent = figure_.name;
    caption.setAttribute("aria-hidden", "true"); // the drawing's own name begins with it
    this.high = document.createElement("span");
    this.high.className = "scale";
    caption.append(this.high);
    this.element.append(caption, this.drawing);
    this.draw();
  }

  /** @param {Quality} quality */
  add(quality) {
    for (const leg of /** @type {const} */ (["browser", "trunk"])) {
      this.lines[leg] = extended(this.lines[leg], this.figure.of(quality[leg] ?? {}) ?? null);
    }
    this.draw();
  }

  clear() {
    this.lines = { browser: [], trunk: [] };
    this.draw();
  }

  draw() {
    const range = rangeOf(this.figure.usual, Object.values(this.lines));
    for (const leg of /** @type {const} */ (["browser", "trunk"])) {
      this.paths[leg].setAttribute("d", pathOf(this.lines[leg], range, WIDTH, HEIGHT));
    }
    this.high.textContent = `${range.low}–${range.high} ${this.figure.unit}`.trim();
    this.drawing.setAttribute("aria-label", this.words());
  }

  words() {
    const { name, unit, worst } = this.figure;
    const { browser, trunk } = this.lines;
    const seconds = SECONDS * Math.max(browser.length, trunk.length);
    if (!seconds) return `${name}: nothing yet`;
    const legs = Object.entries(LEGS).map(([leg, title]) => {
      const summary = summaryOf(this.lines[/** @type {Leg} */ (leg)]);
      if (!summary) return `${title}: unknown`;
      return `${title}: ${figure(summary.latest, unit)}, worst ${figure(summary[worst], unit)}`;
    });
    return `${name} over ${seconds} seconds. ${legs.join(". ")}`;
  }
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 */
function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

const charts = FIGURES.map((each) => new Chart(each));
find("charts", HTMLElement).append(...charts.map(({ element }) => element));

/** @param {Quality | null} quality of both legs; null begins anew */
export function drawQuality(quality) {
  for (const chart of charts) {
    if (quality) chart.add(quality);
    else chart.clear();
  }
}

/** @returns {number | null} the mean MOS of the leg that was worse */
export function worseMos() {
  const means = Object.values(charts[0].lines).map(meanOf).filter((mean) => mean !== null);
  return means.length ? Math.min(...means) : null;
}
