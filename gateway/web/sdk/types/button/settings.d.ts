export type Kind = "input" | "output";
export declare class Settings {
    #private;
    input: {
        element: HTMLDivElement;
        select: HTMLSelectElement;
        meter: HTMLDivElement;
    };
    output: {
        element: HTMLDivElement;
        select: HTMLSelectElement;
        meter: HTMLDivElement;
    };
    element: HTMLDivElement;
    /** @param {(kind: Kind, id: string) => void} onChoose */
    constructor(onChoose: (kind: Kind, id: string) => void);
    /** @param {Kind} kind */
    chosen(kind: Kind): string;
    /**
     * Asks the browser what there is.
     *
     * @param {import("./dom.js").Translate} t
     */
    list(t: import("./dom.js").Translate): Promise<void>;
    /**
     * @param {number} input 0 to 1
     * @param {number} output
     */
    showLevels(input: number, output: number): void;
}
