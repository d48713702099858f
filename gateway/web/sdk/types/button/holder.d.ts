/** @param {HTMLElement} element */
export declare const holderBeside: (element: HTMLElement) => HTMLElement | null;
/**
 * @param {HTMLElement} element
 * @param {string} name the same after the page was loaded again
 */
export declare function hold(element: HTMLElement, name: string): void;
/** @param {HTMLElement} element */
export declare function letGo(element: HTMLElement): void;
/** @param {string} name of an element that may have had the call before the page was loaded again */
export declare function wasHeld(name: string): boolean;
export declare function forget(): void;
