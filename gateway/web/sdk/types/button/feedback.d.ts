export declare class Feedback {
    stars: HTMLFieldSetElement;
    issue: HTMLTextAreaElement;
    send: HTMLButtonElement;
    more: HTMLDivElement;
    element: HTMLFormElement;
    thanks: HTMLParagraphElement;
    /** @param {(score: number, issue: string) => void} onSend */
    constructor(onSend: (score: number, issue: string) => void);
    get score(): number;
    /** For the next call. */
    clear(): void;
    /** @param {import("./dom.js").Translate} t */
    translate(t: import("./dom.js").Translate): void;
}
