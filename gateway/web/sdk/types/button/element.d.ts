export type ConnectOptions = import("../voice-client.js").ConnectOptions;
export type Happening = import("./model.js").Happening;
declare const Base: typeof HTMLElement;
export declare class ClickToCall extends Base {
    #private;
    static observedAttributes: string[];
    constructor();
    /** One of the phases of a call; the other states are flags. */
    get state(): import("./model.js").Phase;
    /** The present call, or the last one: a `Call` of the client. */
    get call(): import("../voice-client.js").Call | null;
    /** Why the last call failed, for the page's author. */
    get error(): import("../voice-client.js").CallError | null;
    /** Over those of the language, by key; each may have the {places} of the original. */
    get texts(): Readonly<Record<string, string>>;
    set texts(texts: Readonly<Record<string, string>>);
    /** Of each call, below what the attributes say. */
    get parameters(): Partial<import("../voice/connect-options.js").ConnectOptions>;
    set parameters(parameters: Partial<import("../voice/connect-options.js").ConnectOptions>);
    /** Where call tokens come from, instead of `token-url`. */
    get fetchToken(): import("../voice/access.js").FetchToken | null;
    set fetchToken(fetch: import("../voice/access.js").FetchToken | null);
    connectedCallback(): void;
    disconnectedCallback(): void;
    /**
     * @param {string} name
     * @param {string | null} before
     * @param {string | null} now
     */
    attributeChangedCallback(name: string, before: string | null, now: string | null): void;
    /**
     * Calls, as a click on the button does: consent is asked for first, and a second time is harmless.
     *
     * @param {Partial<ConnectOptions>} [parameters] over the attributes
     */
    dial(parameters?: Partial<ConnectOptions>): void;
    /** Answers a call that rings here. */
    accept(): void;
    /** Hangs up, gives up, or declines. */
    hangUp(): void;
    /** Shows the panel of a call that was put away. */
    expand(): void;
}
export {};
