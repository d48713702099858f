/**
 * A test of the connection before anybody is called, as a page has it: events while it runs, and a report.
 * What it does stands in preflight/, which is fetched when a test begins.
 */
import { Emitter } from "./emitter.js";
import { CallError } from "./errors.js";
export type Report = import("./preflight/verdict.js").Report;
export type Progress = import("./preflight/run.js").Progress;
export type PreflightOptions = {
    /**
     * of the gateway's WebSocket, as of `Device`
     */
    url?: string;
    token?: string | import("./access.js").FetchToken;
    fetchToken?: import("./access.js").FetchToken;
    challenge?: string | (() => string | Promise<string>);
    /**
     * over echoCancellation, noiseSuppression and autoGainControl: true
     */
    audio?: MediaTrackConstraints;
    /**
     * instead of those that the gateway names
     */
    iceServers?: RTCIceServer[];
    iceTransportPolicy?: RTCIceTransportPolicy;
    /**
     * of the report's sentences, such as "de"; by default the page's
     */
    language?: string;
    /**
     * that sound is measured for; 5, and at most 12
     */
    seconds?: number;
    /**
     * stops it, as `stop` does
     */
    signal?: AbortSignal;
};
export type PreflightEvents = {
    progress: [progress: Progress];
    /**
     * the gateway can be reached with sound
     */
    connected: [];
    /**
     * of that sound
     */
    sample: [sample: import("./preflight/echo.js").Sample];
    /**
     * calls work, and this is not as it should be
     */
    warning: [name: string, reason: Report["reasons"][number]];
    /**
     * calls work, well or badly: see `report.verdict`
     */
    completed: [report: Report];
    /**
     * calls do not work, or the test was stopped
     */
    failed: [error: CallError, report: Report];
};
/** @typedef {import("./preflight/verdict.js").Report} Report */
/** @typedef {import("./preflight/run.js").Progress} Progress */
/**
 * @typedef {object} PreflightOptions
 * @property {string} [url] of the gateway's WebSocket, as of `Device`
 * @property {string | import("./access.js").FetchToken} [token]
 * @property {import("./access.js").FetchToken} [fetchToken]
 * @property {string | (() => string | Promise<string>)} [challenge]
 * @property {MediaTrackConstraints} [audio] over echoCancellation, noiseSuppression and autoGainControl: true
 * @property {RTCIceServer[]} [iceServers] instead of those that the gateway names
 * @property {RTCIceTransportPolicy} [iceTransportPolicy]
 * @property {string} [language] of the report's sentences, such as "de"; by default the page's
 * @property {number} [seconds] that sound is measured for; 5, and at most 12
 * @property {AbortSignal} [signal] stops it, as `stop` does
 */
/**
 * @typedef {object} PreflightEvents
 * @property {[progress: Progress]} progress
 * @property {[]} connected the gateway can be reached with sound
 * @property {[sample: import("./preflight/echo.js").Sample]} sample of that sound
 * @property {[name: string, reason: Report["reasons"][number]]} warning calls work, and this is not as it should be
 * @property {[report: Report]} completed calls work, well or badly: see `report.verdict`
 * @property {[error: CallError, report: Report]} failed calls do not work, or the test was stopped
 */
/** @extends {Emitter<PreflightEvents>} */
export declare class Preflight extends Emitter<PreflightEvents> {
    #private;
    /** @type {Promise<Report>} the same as by the events; it does not reject for a test that fails */
    finished: Promise<Report>;
    /** @type {"running" | "completed" | "failed"} */
    status: "running" | "completed" | "failed";
    /** @type {Report | null} */
    report: Report | null;
    /** @param {PreflightOptions & { url: string }} options */
    constructor(options: PreflightOptions & {
        url: string;
    });
    /** Ends the test now; `failed` follows. */
    stop(): void;
}
