export type Kind = "input" | "output";
export declare class Settings {
    #private;
    chosen: (kind: Kind) => string;
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
    /**
     * @param {object} options
     * @param {(kind: Kind, id: string) => Promise<void>} options.choose
     * @param {(kind: Kind) => string} options.chosen "" is the system's choice
     */
    constructor({ choose, chosen }: {
        choose: (kind: Kind, id: string) => Promise<void>;
        chosen: (kind: Kind) => string;
    });
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
