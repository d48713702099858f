export type Texts = import("../texts/index.js").Texts;
/** @typedef {import("../texts/index.js").Texts} Texts */
/**
 * @param {Element} element
 * @returns {string} a language that there are texts of
 */
export declare function languageOf(element: Element): string;
export declare class Wording {
    #private;
    /** @type {Texts} */
    own: Texts;
    language: string;
    get direction(): "ltr" | "rtl";
    /** @param {string} language */
    use(language: string): Promise<void>;
    /**
     * @param {string} key
     * @param {Record<string, string | number>} [values]
     */
    t: (key: string, values?: Record<string, string | number>) => string;
    /**
     * @param {string} key
     * @returns {string | undefined}
     */
    find(key: string): string | undefined;
}
