export type Model = import("./model.js").Model;
export type Wording = import("./texts.js").Wording;
/** @param {number} ms */
export declare function clock(ms: number): string;
/**
 * What the status line says.
 *
 * @param {Model} model
 * @param {Wording} words
 */
export declare function statusText(model: Model, words: Wording): string;
/**
 * What a reader of the screen says of this state.
 *
 * @param {Model} model
 * @param {Wording} words
 * @param {string} caller of a call that comes in
 */
export declare function spoken(model: Model, words: Wording, caller: string): string;
/**
 * @param {import("./template.js").Panel} panel
 * @param {Model} model
 * @param {Wording} words
 * @param {import("./panel.js").Can} can
 */
export declare function showPanel(panel: import("./template.js").Panel, model: Model, words: Wording, can: import("./panel.js").Can): void;
