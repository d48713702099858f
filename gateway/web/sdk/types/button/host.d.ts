/** The states of the element that a page can style: `:state(open)`, or `[data-state~="open"]` in a browser without it. */
/**
 * @param {HTMLElement} host
 * @returns {(states: string[]) => void} shows these states and no others
 */
export declare function statesOn(host: HTMLElement): (states: string[]) => void;
