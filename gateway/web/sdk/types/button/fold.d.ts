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
    /** It is over the page no more; one that is moved within the page loses its place in the top layer. */
    close(): void;
}
/**
 * What has the focus in the element: a part of it, or what the page has put into a slot.
 *
 * @param {HTMLElement} host
 * @param {ShadowRoot} root
 */
export declare function focusedIn(host: HTMLElement, root: ShadowRoot): Element | null;
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
