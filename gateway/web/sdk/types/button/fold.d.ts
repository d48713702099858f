export declare class Fold {
    #private;
    /**
     * @param {HTMLElement} host
     * @param {HTMLElement} button
     */
    constructor(host: HTMLElement, button: HTMLElement);
    /**
     * @param {HTMLElement} panel
     * @param {boolean} expanded
     */
    show(panel: HTMLElement, expanded: boolean): void;
    close(): void;
}
/**
 * Whoever opened the panel is in it, and is back at the button when it closes. Who is elsewhere on the page
 * stays there, also when a call comes in.
 *
 * @param {ShadowRoot} root
 * @param {Element | null} focused before the element has changed
 * @param {HTMLElement} button
 * @param {HTMLElement | undefined} panel where it is seen
 */
export declare function moveFocus(root: ShadowRoot, focused: Element | null, button: HTMLElement, panel: HTMLElement | undefined): void;
