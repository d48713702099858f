// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What stands beside the phone, for whoever wants to know how it works: codecs, levels, figures, events. */

import { find } from "./elements.js";
import { figure, percent } from "./format.js";

const LOG_LENGTH = 200;

/** @type {Readonly<Record<string, string>>} */
const CODECS = { opus: "Opus", PCMU: "G.711 µ-law", PCMA: "G.711 A-law", G722: "G.722", L16: "Linear PCM" };

const WHO = { local: "Ended here", remote: "Ended by the other side", gateway: "Ended by the gateway" };

const log = find("log", HTMLElement);
const ending = find("ending", HTMLElement);

/** @param {{ browser: string, trunk: string } | null} codec */
export function showCodec(codec) {
  for (const leg of /** @type {const} */ (["browser", "trunk"])) {
    const element = find(`codec-${leg}`, HTMLElement);
    const name = codec?.[leg] ?? "";
    element.dataset.codec = name;
    element.textContent = CODECS[name] ?? name;
  }
}

/**
 * @param {"meter-in" | "meter-out"} id
 * @param {number} level 0 to 1
 */
export function showLevel(id, level) {
  const meter = find(id, HTMLElement);
  const value = Math.round(100 * level);
  meter.style.setProperty("--level", `${value}%`);
  meter.setAttribute("aria-valuenow", String(value));
}

/** @param {import("/sdk/voice-client.js").Sample | null} sample */
export function showFigures(sample) {
  const { rttMs = null, jitterMs = null, lossFraction = null } = sample ?? {};
  showRow("page", { loss: lossFraction, jitterMs, rttMs });
}

/** @param {import("/sdk/voice-client.js").Quality | null} quality */
export function showQuality(quality) {
  for (const leg of /** @type {const} */ (["browser", "trunk"])) {
    const { mos = null, loss = null, jitterMs = null, rttMs = null } = quality?.[leg] ?? {};
    showRow(leg, { loss, jitterMs, rttMs });
    showCell(leg, "mos", figure(mos));
  }
}

/**
 * @param {string} row
 * @param {{ loss: number | null, jitterMs: number | null, rttMs: number | null }} figures
 */
function showRow(row, { loss, jitterMs, rttMs }) {
  showCell(row, "loss", figure(percent(loss), "%"));
  showCell(row, "jitter", figure(jitterMs, "ms"));
  showCell(row, "rtt", figure(rttMs, "ms"));
}

/**
 * @param {string} row
 * @param {string} name
 * @param {string} text
 */
function showCell(row, name, text) {
  const cell = document.querySelector(`#quality [data-leg="${row}"] [data-figure="${name}"]`);
  if (cell) cell.textContent = text;
}

/** @param {import("/sdk/voice-client.js").CallEnd | null} end in the words of SIP, which are for no caller */
export function showEnding(end) {
  ending.textContent = "";
  if (!end) return;
  const sip = end.sipCode && end.sipCode >= 300 ? `SIP ${end.sipCode} ${end.reason}`.trim() : end.reason;
  ending.textContent = [WHO[end.by], sip].filter(Boolean).join(" · ");
}

/**
 * @param {number} ms since the call began
 * @param {string} name
 * @param {string} detail
 */
export function addToLog(ms, name, detail) {
  const entry = document.createElement("li");
  const [time, event, text] = ["time", "b", "span"].map((tag) => document.createElement(tag));
  time.textContent = (ms / 1000).toFixed(3);
  event.textContent = name;
  text.textContent = detail;
  entry.append(time, event, text);
  log.prepend(entry);
  while (log.children.length > LOG_LENGTH) log.lastElementChild?.remove();
  find("log-count", HTMLElement).textContent = String(log.children.length);
}

