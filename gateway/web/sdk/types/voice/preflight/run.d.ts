import { Sound } from "./sound.js";
export type Options = import("../preflight.js").PreflightOptions & {
    url: string;
};
export type Findings = import("./verdict.js").Findings;
export type Report = import("./verdict.js").Report;
export type Step = "microphone" | "signaling" | import("./ways.js").Way | "connection" | "sound";
export type Progress = {
    step: Step;
    state: "running" | "passed" | "failed" | "skipped";
    /**
     * how long it took
     */
    ms?: number | null;
    /**
     * of the microphone, in dBFS
     */
    level?: number;
    /**
     * of the sound
     */
    sample?: import("./echo.js").Sample;
    path?: import("./path.js").Path | null;
};
export type Tell = (progress: Progress) => void;
/** @typedef {import("../preflight.js").PreflightOptions & { url: string }} Options */
/** @typedef {import("./verdict.js").Findings} Findings */
/** @typedef {import("./verdict.js").Report} Report */
/** @typedef {"microphone" | "signaling" | import("./ways.js").Way | "connection" | "sound"} Step */
/**
 * @typedef {object} Progress
 * @property {Step} step
 * @property {"running" | "passed" | "failed" | "skipped"} state
 * @property {number | null} [ms] how long it took
 * @property {number} [level] of the microphone, in dBFS
 * @property {import("./echo.js").Sample} [sample] of the sound
 * @property {import("./path.js").Path | null} [path]
 */
/** @typedef {(progress: Progress) => void} Tell */
/**
 * @param {Options} options
 * @param {AbortSignal} signal
 * @param {Tell} tell
 * @returns {Promise<Report>}
 */
export declare function run(options: Options, signal: AbortSignal, tell: Tell): Promise<Report>;
export type Tools = {
    line: import("./line.js").Line;
    microphone: MediaStream | null;
    sound: Sound;
    signal: AbortSignal;
    tell: Tell;
};
