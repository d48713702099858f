/**
 * @param {unknown} score
 * @param {unknown} issue
 * @returns {{ score: number, issue?: string } | null} null where there is nothing to tell
 * @throws {CallError} `invalid-argument`
 */
export declare function checkFeedback(score: unknown, issue: unknown): {
    score: number;
    issue?: string;
} | null;
/**
 * @param {Iterable<import("./quality.js").Stats>} entries of an RTCStatsReport
 * @returns {object[]} the part of it that the gateway reads
 */
export declare function excerpt(entries: Iterable<import("./quality.js").Stats>): object[];
