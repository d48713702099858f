export type ConnectOptions = import("../voice-client.js").ConnectOptions;
/**
 * @param {Element} element
 * @returns {Partial<ConnectOptions>}
 */
export declare function parametersOf(element: Element): Partial<ConnectOptions>;
/**
 * @param {Element} element
 * @returns {{ url?: string, token?: string, tokenUrl: string | null }} without an address it is the gateway that
 *   served this file
 */
export declare function gatewayOf(element: Element): {
    url?: string;
    token?: string;
    tokenUrl: string | null;
};
/**
 * @param {Element} element
 * @returns {{ ringback: string, ringtone: boolean, closeProtection: boolean }}
 */
export declare function soundsOf(element: Element): {
    ringback: string;
    ringtone: boolean;
    closeProtection: boolean;
};
/** @param {Element} element */
export declare const consentKeyOf: (element: Element) => string;
/** @param {Element} element */
export declare const isPanel: (element: Element) => boolean;
/** @param {Element} element which is the same after the page was loaded again */
export declare const nameOf: (element: Element) => string;
