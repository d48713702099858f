export type ConnectOptions = import("../voice-client.js").ConnectOptions;
/**
 * @param {Element} element
 * @returns {Partial<ConnectOptions>}
 */
export declare function parametersOf(element: Element): Partial<ConnectOptions>;
/**
 * What a client of the gateway is made with. Without an address it is the gateway that served this file.
 *
 * @param {Element} element
 * @returns {import("../voice-client.js").DeviceOptions & { language: string }}
 */
export declare function deviceOptionsOf(element: Element): import("../voice-client.js").DeviceOptions & {
    language: string;
};
/** @param {Element} element */
export declare const consentKeyOf: (element: Element) => string;
/** @param {Element} element */
export declare const isPanel: (element: Element) => boolean;
/** @param {Element} element which is the same after the page was loaded again */
export declare const nameOf: (element: Element) => string;
