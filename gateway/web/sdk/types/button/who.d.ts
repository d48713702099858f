export type ClickToCall = import("./element.js").ClickToCall;
export type Wording = import("./texts.js").Wording;
/** @typedef {import("./element.js").ClickToCall} ClickToCall */
/** @typedef {import("./texts.js").Wording} Wording */
/**
 * @param {ClickToCall} element
 * @param {string | undefined} to of the call that is being placed
 * @param {Wording} words
 * @returns {{ name: string, number: string }} the number is empty where it stands as the name
 */
export declare function callerOf(element: ClickToCall, to: string | undefined, { t }: Wording): {
    name: string;
    number: string;
};
/**
 * @param {import("./template.js").Launcher} launcher
 * @param {ClickToCall} host
 * @param {import("./model.js").Model} model
 * @param {Wording} words
 * @param {boolean} expanded whether the panel stands in its place
 */
export declare function showLauncher({ element, label, clock }: import("./template.js").Launcher, host: ClickToCall, model: import("./model.js").Model, words: Wording, expanded: boolean): void;
/**
 * @param {import("./template.js").Panel} panel
 * @param {Element} host
 * @param {{ name: string, number: string }} caller
 * @param {Wording} words
 */
export declare function showWho({ name, fallback, details }: import("./template.js").Panel, host: Element, caller: {
    name: string;
    number: string;
}, { t }: Wording): void;
