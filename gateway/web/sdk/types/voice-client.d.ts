/**
 * Phone calls from a web page through the gateway. This file is the whole public surface:
 *
 *     import { Device } from "https://gateway.example/sdk/voice-client.min.js";
 *     const call = await new Device().connect({ to: "+15551234567" });
 */
import "./voice/moving.js";
export { Call } from "./voice/call.js";
export { Device } from "./voice/device.js";
export { CallError, ENDINGS, spokenAs } from "./voice/errors.js";
export { Preflight } from "./voice/preflight.js";
export type CallState = import("./voice/call-types.js").CallState;
export type AcceptOptions = import("./voice/call-types.js").AcceptOptions;
export type Stage = import("./voice/requests.js").Stage;
export type Redirection = import("./voice/requests.js").Redirection;
export type DeviceOptions = import("./voice/device-types.js").DeviceOptions;
export type ConnectOptions = import("./voice/connect-options.js").ConnectOptions;
export type CallEnd = import("./voice/errors.js").CallEnd;
export type PreflightOptions = import("./voice/preflight.js").PreflightOptions;
export type PreflightProgress = import("./voice/preflight/run.js").Progress;
export type PreflightReport = import("./voice/preflight/verdict.js").Report;
export type Quality = import("./voice/quality.js").Quality;
export type LegQuality = import("./voice/quality.js").LegQuality;
export type Sample = import("./voice/quality.js").Sample;
/** @typedef {import("./voice/call-types.js").CallState} CallState */
/** @typedef {import("./voice/call-types.js").AcceptOptions} AcceptOptions */
/** @typedef {import("./voice/requests.js").Stage} Stage */
/** @typedef {import("./voice/requests.js").Redirection} Redirection */
/** @typedef {import("./voice/device-types.js").DeviceOptions} DeviceOptions */
/** @typedef {import("./voice/connect-options.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./voice/errors.js").CallEnd} CallEnd */
/** @typedef {import("./voice/preflight.js").PreflightOptions} PreflightOptions */
/** @typedef {import("./voice/preflight/run.js").Progress} PreflightProgress */
/** @typedef {import("./voice/preflight/verdict.js").Report} PreflightReport */
/** @typedef {import("./voice/quality.js").Quality} Quality */
/** @typedef {import("./voice/quality.js").LegQuality} LegQuality */
/** @typedef {import("./voice/quality.js").Sample} Sample */
