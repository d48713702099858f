export type CallError = import("../voice-client.js").CallError;
export declare class Reachable {
    #private;
    /**
     * @param {import("../voice-client.js").Device} device
     * @param {(error: CallError) => void} onError why nobody can call in
     */
    constructor(device: import("../voice-client.js").Device, onError: (error: CallError) => void);
    /** @param {string | null} identity null: no calls */
    want(identity: string | null): Promise<void>;
}
