export type Launcher = ReturnType<typeof makeLauncher>;
export type Panel = ReturnType<typeof makePanel>;
/** @typedef {ReturnType<typeof makeLauncher>} Launcher */
/** @typedef {ReturnType<typeof makePanel>} Panel */
export declare function makeLauncher(): {
    element: HTMLButtonElement;
    label: HTMLSpanElement;
    clock: HTMLSpanElement;
    live: HTMLDivElement;
    audio: HTMLAudioElement;
};
/**
 * @param {object} inner
 * @param {HTMLElement} inner.keypad
 * @param {HTMLElement} inner.settings
 * @param {import("./feedback.js").Feedback} inner.feedback
 */
export declare function makePanel({ keypad, settings, feedback }: {
    keypad: HTMLElement;
    settings: HTMLElement;
    feedback: import("./feedback.js").Feedback;
}): {
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
