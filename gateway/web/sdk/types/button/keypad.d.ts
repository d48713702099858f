export type KeypadMode = "digits" | "number";
/** @typedef {"digits" | "number"} KeypadMode */
export declare class Keypad {
    #private;
    keys: HTMLDivElement;
    sent: HTMLOutputElement;
    field: HTMLInputElement;
    erase: HTMLButtonElement;
    submit: HTMLButtonElement;
    element: HTMLFormElement;
    /**
     * @param {object} options
     * @param {(digit: string) => void} options.onDigit in mode `digits`
     * @param {(number: string) => void} options.onNumber the number was written, and is to be used
     */
    constructor({ onDigit, onNumber }: {
        onDigit: (digit: string) => void;
        onNumber: (number: string) => void;
    });
    /**
     * @param {KeypadMode} mode
     * @param {string} [use] key of the text on the button that uses the number
     */
    setMode(mode: KeypadMode, use?: string): void;
    /** Forgets the digits of the last call. */
    clear(): void;
    /** @param {string} digit one that was pressed, on these keys or on the keyboard */
    press(digit: string): void;
    /** @param {string} digit it is on its way */
    show(digit: string): void;
}
