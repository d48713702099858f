import { Line } from "./line.js";
export type ClickToCall = import("./element.js").ClickToCall;
/** @typedef {import("./element.js").ClickToCall} ClickToCall */
export declare class Exchange {
    #private;
    /** @type {Line | null} */
    line: Line | null;
    /**
     * @param {ClickToCall} host
     * @param {Omit<import("./line.js").LineOptions, "device">} options
     */
    constructor(host: ClickToCall, options: Omit<import("./line.js").LineOptions, "device">);
    /** @returns {Line} the present one, or another one */
    open(): Line;
    /** Takes calls into the page, or no more. */
    reach(): void;
    close(): void;
}
