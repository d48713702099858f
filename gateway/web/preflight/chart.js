// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** The delay as it goes: a line that grows to the right. */

const WIDTH = 400;
const HEIGHT = 60;
const SECONDS = 5;
const LEAST = 40; // ms: a wire's tenths must not look like mountains

export class Chart {
  #line;
  #area;
  /** @type {[seconds: number, value: number][]} */
  #points = [];

  /** @param {Element} svg */
  constructor(svg) {
    this.#line = svg.querySelector(".line");
    this.#area = svg.querySelector(".area");
  }

  clear() {
    this.#points = [];
    this.#draw();
  }

  /**
   * @param {number} seconds
   * @param {number} value
   */
  add(seconds, value) {
    this.#points.push([seconds, value]);
    this.#draw();
  }

  #draw() {
    const top = 1.25 * Math.max(LEAST, ...this.#points.map(([, value]) => value));
    const length = Math.max(SECONDS, ...this.#points.map(([seconds]) => seconds));
    const at = this.#points.map(([seconds, value]) => [
      (WIDTH * seconds) / length,
      HEIGHT - (HEIGHT * value) / top,
    ]);
    if (at.length) at.unshift([0, at[0][1]]);
    const path = at.map(([x, y], index) => `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    this.#line?.setAttribute("d", path);
    this.#area?.setAttribute("d", path && `${path}V${HEIGHT}H0Z`);
  }
}
