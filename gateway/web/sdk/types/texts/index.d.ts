export type Texts = Readonly<Record<string, string>>;
export type Language = {
    name: string;
    direction: "ltr" | "rtl";
    load: () => Promise<{
        default: Texts;
    }>;
};
/** @typedef {Readonly<Record<string, string>>} Texts by key, such as `error.busy` */
/** @typedef {{ name: string, direction: "ltr" | "rtl", load: () => Promise<{ default: Texts }> }} Language */
/** @type {Texts} */
export declare const ENGLISH: Texts;
/** @type {Readonly<Record<string, Language>>} by the language's subtag of BCP 47 */
export declare const LANGUAGES: Readonly<Record<string, Language>>;
/**
 * @param {readonly string[]} wanted tags of BCP 47, the dearest first, as in `navigator.languages`
 * @returns {string} a key of `LANGUAGES`; English where there is none of them
 */
export declare function chooseLanguage(wanted: readonly string[]): string;
/**
 * @param {string} language a key of `LANGUAGES`
 * @returns {Promise<Texts>} with every key: what a language lacks, or cannot be fetched, is English
 */
export declare function loadTexts(language: string): Promise<Texts>;
/**
 * @param {string} text
 * @param {Readonly<Record<string, string | number>>} values for the text's {places}; one without a value stays
 */
export declare function fill(text: string, values: Readonly<Record<string, string | number>>): string;
