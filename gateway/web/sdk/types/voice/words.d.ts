/**
 * @param {string} [language] a tag of BCP 47; else that of the document, then those of the browser
 * @returns {string} the one that is spoken
 */
export declare function speak(language?: string): string;
/**
 * @param {string} key of the texts
 * @param {Readonly<Record<string, string | number>>} [values] for its {places}
 * @returns {string} empty where there is no such text
 */
export declare const say: (key: string, values?: Readonly<Record<string, string | number>>) => string;
