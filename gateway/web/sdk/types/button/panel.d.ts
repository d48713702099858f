import { Feedback } from "./feedback.js";
import { Keypad } from "./keypad.js";
import { Settings } from "./settings.js";
export type Model = import("./model.js").Model;
export type Wording = import("./texts.js").Wording;
export type Actions = {
    start: () => void;
    /**
     * to the same number
     */
    again: () => void;
    agree: () => void;
    accept: () => void;
    /**
     * also to decline
     */
    hangUp: () => void;
    /**
     * also to disagree
     */
    close: () => void;
    minimize: () => void;
    mute: () => void;
    hold: () => void;
    unfold: (view: import("./model.js").View) => void;
    sendDigit: (digit: string) => void;
    /**
     * to call, or to transfer to
     */
    useNumber: (number: string) => void;
    choose: (kind: "input" | "output", id: string) => Promise<void>;
    chosen: (kind: "input" | "output") => string;
    rate: (score: number, issue: string) => void;
};
export type Can = {
    /**
     * again
     */
    call: boolean;
    transfer: boolean;
    hold: boolean;
    close: boolean;
    minimize: boolean;
};
/** @typedef {import("./model.js").Model} Model */
/** @typedef {import("./texts.js").Wording} Wording */
/**
 * @typedef {object} Actions
 * @property {() => void} start
 * @property {() => void} again to the same number
 * @property {() => void} agree
 * @property {() => void} accept
 * @property {() => void} hangUp also to decline
 * @property {() => void} close also to disagree
 * @property {() => void} minimize
 * @property {() => void} mute
 * @property {() => void} hold
 * @property {(view: import("./model.js").View) => void} unfold
 * @property {(digit: string) => void} sendDigit
 * @property {(number: string) => void} useNumber to call, or to transfer to
 * @property {(kind: "input" | "output", id: string) => Promise<void>} choose
 * @property {(kind: "input" | "output") => string} chosen
 * @property {(score: number, issue: string) => void} rate
 */
/**
 * @typedef {object} Can what there is to do, beside what the model says
 * @property {boolean} call again
 * @property {boolean} transfer
 * @property {boolean} hold
 * @property {boolean} close
 * @property {boolean} minimize
 */
export declare class Panel {
    #private;
    keypad: Keypad;
    settings: Settings;
    feedback: Feedback;
    parts: {
        element: HTMLElement;
        tools: {
            mute: HTMLButtonElement;
            keypad: HTMLButtonElement;
            hold: HTMLButtonElement;
            transfer: HTMLButtonElement;
            settings: HTMLButtonElement;
        };
        buttons: {
            start: HTMLButtonElement;
            agree: HTMLButtonElement;
            disagree: HTMLButtonElement;
            accept: HTMLButtonElement;
            decline: HTMLButtonElement;
            again: HTMLButtonElement;
            close: HTMLButtonElement;
            hangup: HTMLButtonElement;
            minimize: HTMLButtonElement;
        };
        folds: {
            fallback: HTMLSlotElement;
            keypad: HTMLElement;
            settings: HTMLElement;
            tools: HTMLDivElement;
            feedback: HTMLFormElement;
            thanks: HTMLParagraphElement;
        };
        quality: HTMLSpanElement;
        name: HTMLElement;
        status: HTMLParagraphElement;
        clock: HTMLSpanElement;
        fallback: HTMLAnchorElement;
        details: {
            consent: HTMLDivElement;
            caller: HTMLParagraphElement;
            advice: HTMLParagraphElement;
            notice: HTMLParagraphElement;
        };
    };
    element: HTMLElement;
    /** @param {Actions} actions */
    constructor(actions: Actions);
    /** @param {Wording} words */
    translate(words: Wording): void;
    /**
     * @param {Model} model
     * @param {Wording} words
     * @param {Can} can
     */
    show(model: Model, words: Wording, can: Can): void;
    /**
     * @param {number} input 0 to 1
     * @param {number} output
     */
    showLevels(input: number, output: number): void;
}
