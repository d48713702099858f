// SPDX-FileCopyrightText: The WebRTC-to-SIP gateway contributors
// SPDX-License-Identifier: MIT

/** What panel, charts and history show of a call, whether the phone or the button beside it has placed it. */

import { drawQuality, worseMos } from "./charts.js";
import { callerOf } from "./format.js";
import { remember } from "./history.js";
import { outcomeOf } from "./outcomes.js";
import * as panel from "./panel.js";

/** @typedef {import("/sdk/voice-client.js").Call} Call */
/** @typedef {import("/sdk/voice-client.js").CallEnd} CallEnd */
/** @typedef {import("./outcomes.js").Outcome} Outcome */

let began = 0;

/** Begins anew: another call is to come. */
export function forgetCall() {
  began = Date.now();
  panel.showCodec(null);
  panel.showFigures(null);
  panel.showQuality(null);
  panel.showEnding(null);
  drawQuality(null);
}

/** @param {Call} call */
export function showCall(call) {
  if (call.codec) panel.showCodec(call.codec); // it was there before the page was loaded again
  call.on("accept", () => panel.showCodec(call.codec));
  call.on("volume", (input, output) => {
    panel.showLevel("meter-in", input);
    panel.showLevel("meter-out", output);
  });
  call.on("sample", panel.showFigures);
  call.on("quality", (quality) => {
    panel.showQuality(quality);
    drawQuality(quality);
  });
  call.on("disconnect", finish);
}

/**
 * @param {Call} call
 * @param {CallEnd} end
 */
function finish(call, end) {
  panel.showLevel("meter-in", 0);
  panel.showLevel("meter-out", 0);
  panel.showEnding(end);
  const { direction, from, to, durationMs } = call;
  const other = direction === "outgoing" ? to : from === "anonymous" ? "" : from ?? "";
  const name = direction === "outgoing" ? to : callerOf(call).name;
  record({ direction, number: other, name, durationMs }, outcomeOf(end, call));
}

/**
 * @param {string} to where no call has come to be
 * @param {Outcome} outcome
 */
export function recordFailure(to, outcome) {
  record({ direction: "outgoing", number: to, name: to, durationMs: 0 }, outcome);
}

/**
 * @param {Pick<import("./history.js").Entry, "direction" | "number" | "name" | "durationMs">} call
 * @param {Outcome} outcome
 */
function record(call, { name: outcome, words, tone }) {
  remember({ at: began, ...call, outcome, words, tone, mos: worseMos() });
}
