/**
 * @param {{ left: number, right: number, top: number, bottom: number }} button
 * @param {{ width: number, height: number }} panel
 * @param {{ width: number, height: number }} view
 * @param {{ end: boolean, top: boolean }} towards whether the panel's end meets the button's end, and its top the
 *   button's top
 * @param {boolean} rtl
 * @returns {{ x: number, y: number }}
 */
export declare function placePanel(button: {
    left: number;
    right: number;
    top: number;
    bottom: number;
}, panel: {
    width: number;
    height: number;
}, view: {
    width: number;
    height: number;
}, { end, top }: {
    end: boolean;
    top: boolean;
}, rtl: boolean): {
    x: number;
    y: number;
};
/**
 * Keeps the panel beside its button for as long as it is seen.
 *
 * @param {() => void} place
 * @param {Element} panel
 * @returns {() => void} stops it
 */
export declare function keepPlaced(place: () => void, panel: Element): () => void;
