export type Phase = "idle" | "consent" | "number" | "starting" | "connecting" | "ringing" | "incoming" | "open" | "ended";
export type View = "" | "keypad" | "transfer" | "settings";
export type Grade = "" | "good" | "fair" | "poor";
export type End = {
    /**
     * a word of the client's `ENDINGS`
     */
    cause: string;
    kind: "normal" | "canceled" | "unanswered" | "refused" | "failed";
    /**
     * the client's sentence, for a cause that the texts do not know
     */
    message: string;
    /**
     * an incoming call that nobody here has answered or declined
     */
    missed: boolean;
    /**
     * both sides have talked
     */
    rateable: boolean;
};
export type Model = {
    phase: Phase;
    view: View;
    /**
     * the call goes on, and the panel is put away
     */
    minimized: boolean;
    /**
     * for the caller, who has to allow the microphone
     */
    waiting: boolean;
    muted: boolean;
    held: {
        local: boolean;
        remote: boolean;
    };
    reconnecting: boolean;
    transferring: boolean;
    /**
     * those that hold, the latest last
     */
    warnings: readonly string[];
    /**
     * what was refused last, in words; the call goes on
     */
    notice: string;
    quality: Grade;
    answered: boolean;
    end: End | null;
    feedback: "" | "asked" | "sent";
};
export type Happening = {
    type: "consent" | "number" | "start" | "waiting" | "incoming" | "accept" | "refused" | "close" | "rated";
} | {
    type: "progress";
    state: "connecting" | "ringing" | "open";
} | {
    type: "mute";
    on: boolean;
} | {
    type: "held";
    held: {
        local: boolean;
        remote: boolean;
    };
} | {
    type: "reconnecting" | "transferring" | "minimize";
    on: boolean;
} | {
    type: "warning";
    name: string;
    on: boolean;
} | {
    type: "notice";
    text: string;
} | {
    type: "quality";
    mos: number | null;
} | {
    type: "view";
    view: View;
} | {
    type: "end";
    end: End;
    feedback: boolean;
};
/**
 * What the element knows, and how it changes: a pure function of what it knew and what happened.
 * What is shown, said and offered follows from it alone, so that no two parts of the panel disagree.
 */
/**
 * - `idle`: no call
 * - `consent`: the caller is asked whether they agree
 * - `number`: the caller is asked for a number, since the page has given none
 * - `starting`: microphone and session are being opened
 * - `connecting`, `ringing`, `open`: as the call's own states
 * - `incoming`: a call rings here
 * - `ended`: the call is over, and why can be read
 *
 * @typedef {"idle" | "consent" | "number" | "starting" | "connecting" | "ringing" | "incoming" | "open" | "ended"} Phase
 */
/** @typedef {"" | "keypad" | "transfer" | "settings"} View what is unfolded in the panel during a call */
/** @typedef {"" | "good" | "fair" | "poor"} Grade */
/**
 * @typedef {object} End
 * @property {string} cause a word of the client's `ENDINGS`
 * @property {"normal" | "canceled" | "unanswered" | "refused" | "failed"} kind
 * @property {string} message the client's sentence, for a cause that the texts do not know
 * @property {boolean} missed an incoming call that nobody here has answered or declined
 * @property {boolean} rateable both sides have talked
 */
/**
 * @typedef {object} Model
 * @property {Phase} phase
 * @property {View} view
 * @property {boolean} minimized the call goes on, and the panel is put away
 * @property {boolean} waiting for the caller, who has to allow the microphone
 * @property {boolean} muted
 * @property {{ local: boolean, remote: boolean }} held
 * @property {boolean} reconnecting
 * @property {boolean} transferring
 * @property {readonly string[]} warnings those that hold, the latest last
 * @property {string} notice what was refused last, in words; the call goes on
 * @property {Grade} quality
 * @property {boolean} answered
 * @property {End | null} end
 * @property {"" | "asked" | "sent"} feedback
 */
/**
 * @typedef {{ type: "consent" | "number" | "start" | "waiting" | "incoming" | "accept" | "refused" | "close" | "rated" }
 *   | { type: "progress", state: "connecting" | "ringing" | "open" }
 *   | { type: "mute", on: boolean }
 *   | { type: "held", held: { local: boolean, remote: boolean } }
 *   | { type: "reconnecting" | "transferring" | "minimize", on: boolean }
 *   | { type: "warning", name: string, on: boolean }
 *   | { type: "notice", text: string }
 *   | { type: "quality", mos: number | null }
 *   | { type: "view", view: View }
 *   | { type: "end", end: End, feedback: boolean }} Happening
 */
/** @type {Readonly<Model>} */
export declare const IDLE: Readonly<Model>;
/** @param {Model} model whether there is a call, or one is being placed */
export declare const isBusy: ({ phase }: Model) => boolean;
/**
 * @param {Readonly<Model>} model
 * @param {Happening} event
 * @returns {Readonly<Model>} the same one where nothing changes
 */
export declare function step(model: Readonly<Model>, event: Happening): Readonly<Model>;
/**
 * The line that tells how it stands: the most urgent thing there is to say.
 *
 * @param {Readonly<Model>} model
 * @returns {string} key of the texts
 */
export declare function statusKey(model: Readonly<Model>): string;
/**
 * The states that a page can style by `:state(…)`.
 *
 * @param {Readonly<Model>} model
 * @param {boolean} expanded whether the panel is seen
 * @returns {string[]}
 */
export declare function statesOf(model: Readonly<Model>, expanded: boolean): string[];
