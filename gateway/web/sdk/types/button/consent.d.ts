/** Whether the caller has agreed to what is said before a call. It is kept in the browser, under the page's own key. */
export declare const CONSENT_KEY = "click-to-call-consent";
/** @param {string} key empty: ask each time */
export declare function hasConsent(key: string): boolean;
/** @param {string} key */
export declare function keepConsent(key: string): void;
