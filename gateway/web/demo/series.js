// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** A figure of both legs over time, and what of it is drawn and said. Nothing here knows of the page. */

/** Five minutes, at a value every two seconds: what is older leaves the drawing. */
export const LONGEST = 150;

/** The width that is there from the start, so that the first line is seen growing: a minute. */
export const SHORTEST = 30;

/** @typedef {(number | null)[]} Values oldest first; null where nothing is known */
/** @typedef {{ low: number, high: number }} Range */

/**
 * @param {Values} values
 * @param {number | null} value the next one
 * @returns {Values}
 */
export const extended = (values, value) => [...values, value].slice(-LONGEST);

/**
 * The range that is drawn: the usual one, or more where a value is above it.
 *
 * @param {Range} usual
 * @param {Values[]} lines
 * @returns {Range}
 */
export function rangeOf({ low, high }, lines) {
  const most = Math.max(high, ...lines.flat().map((value) => value ?? 0));
  return { low, high: most > high ? rounded(most) : high };
}

/** @param {number} value up to the next 1, 2 or 5 with zeros */
function rounded(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 2, 5].find((each) => each * power >= value) ?? 10;
  return step * power;
}

/**
 * The line as an SVG path in a box of `width` and `height`; the latest value is at its right edge.
 * A value alone, with nothing known beside it, is a dash.
 *
 * @param {Values} values
 * @param {Range} range
 * @param {number} width
 * @param {number} height
 */
export function pathOf(values, { low, high }, width, height) {
  const step = width / (Math.max(SHORTEST, values.length) - 1);
  const start = Math.max(0, width - step * (values.length - 1));
  let path = "";
  for (const [place, value] of values.entries()) {
    if (value === null) continue;
    const x = (start + place * step).toFixed(1);
    const share = Math.min(1, Math.max(0, (value - low) / (high - low)));
    const y = (height * (1 - share)).toFixed(1);
    const continues = place > 0 && values[place - 1] !== null;
    path += continues ? `L${x} ${y}` : `M${x} ${y}h-1`;
    if (!continues) path += `M${x} ${y}`;
  }
  return path;
}

/**
 * @param {Values} values
 * @returns {{ latest: number, least: number, most: number } | null} null where nothing is known
 */
export function summaryOf(values) {
  const known = values.filter((value) => value !== null);
  const latest = known.at(-1);
  if (latest === undefined) return null;
  return { latest, least: Math.min(...known), most: Math.max(...known) };
}

/** @param {Values} values */
export function meanOf(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}
