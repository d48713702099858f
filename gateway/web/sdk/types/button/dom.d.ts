export type Translate = (key: string, values?: Record<string, string | number>) => string;
export type Attributes = {
    [name: string]: string | number | boolean | undefined;
};
/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} [attributes] true is the empty one, false and undefined are none
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export declare function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes?: Attributes, ...children: (Node | string)[]): HTMLElementTagNameMap[K];
/**
 * @param {string} path of 24 by 24, drawn by strokes
 * @param {string} [name] for the style
 */
export declare function icon(path: string, name?: string): SVGSVGElement;
/**
 * Puts the texts in, wherever a key says so.
 *
 * @param {ParentNode} root
 * @param {Translate} t
 */
export declare function translate(root: ParentNode, t: Translate): void;
