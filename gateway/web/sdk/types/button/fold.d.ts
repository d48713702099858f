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
