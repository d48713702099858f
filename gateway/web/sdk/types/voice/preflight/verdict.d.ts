export type EchoResult = import("./echo.js").EchoResult;
export type Way = import("./ways.js").Way;
export type WayResult = import("./ways.js").WayResult;
export type Texts = import("../../texts/index.js").Texts;
export type Verdict = "good" | "fair" | "poor" | "failed";
export type MicrophoneResult = {
    /**
     * a word of the texts
     */
    error: string | null;
    /**
     * what the system calls it
     */
    label: string;
    /**
     * of the loudest moment in dBFS; null where the browser does not tell
     */
    level: number | null;
    /**
     * of the highest sample in dBFS
     */
    peak: number | null;
    /**
     * share of samples at the limit
     */
    clipped: number;
};
export type SignalingResult = {
    /**
     * a word of the texts
     */
    error: string | null;
    /**
     * the gateway's own words, for the operator
     */
    reason: string;
    /**
     * until the WebSocket stood
     */
    openMs: number | null;
    /**
     * until the gateway has welcomed the page
     */
    welcomeMs: number | null;
};
export type Findings = {
    /**
     * of the gateway's WebSocket
     */
    url: string;
    stopped: boolean;
    microphone: MicrophoneResult;
    signaling: SignalingResult;
    ways: Partial<Record<Way, WayResult>>;
    /**
     * null where it did not come to that
     */
    echo: EchoResult | null;
    /**
     * whether sound may go by a relay alone
     */
    relayOnly: boolean;
    /**
     *   what was sent where it was no voice, and what came back
     */
    tone: {
        sent: {
            level: number;
            frequency: number;
        };
        heard: import("./sound.js").Heard | null;
    } | null;
};
export type Reason = {
    /**
     * for programs
     */
    name: string;
    /**
     * that it makes by itself
     */
    verdict: Verdict;
    /**
     * what is wrong, for the person at the page
     */
    message: string;
    /**
     * what to do about it; may be empty
     */
    advice: string;
};
export type Rule = {
    name: "socket" | "udp" | "relay";
    message: string;
    /**
     * as it is; null where that was not seen
     */
    works: boolean | null;
};
export type Report = {
    verdict: Verdict;
    /**
     * the verdict in a sentence
     */
    message: string;
    /**
     * the worst first; none for "good"
     */
    reasons: Reason[];
    /**
     * what the network has to let through
     */
    administrator: Rule[];
    microphone: MicrophoneResult;
    signaling: SignalingResult;
    ways: Partial<Record<Way, WayResult>>;
    echo: EchoResult | null;
    tone: Findings["tone"];
    /**
     * ISO 8601
     */
    startedAt: string;
    durationMs: number;
};
/**
 * From where on a reading is heard, and from where on it spoils a call: delay by ITU-T G.114 (both ways), loss by
 * what Opus repairs, jitter by what a buffer takes up before the delay is noticed.
 *
 * @type {readonly { name: string, step: string, read: (sample: import("./echo.js").Sample) => number | null, fair: number, poor: number, scale: number }[]}
 */
export declare const LIMITS: readonly {
    name: string;
    step: string;
    read: (sample: import("./echo.js").Sample) => number | null;
    fair: number;
    poor: number;
    scale: number;
}[];
/**
 * @param {Findings} findings
 * @param {Texts} texts
 */
export declare function judge(findings: Findings, texts: Texts): {
    verdict: Verdict;
    message: string;
    reasons: {
        verdict: Verdict;
        name: string;
        message: string;
        advice: string;
    }[];
    administrator: Rule[];
};
export type Cause = [verdict: Verdict, name: string, message: string, advice: string, values?: Record<string, string | number>];
/** @param {number[]} ports */
export declare function ranges(ports: number[]): string;
