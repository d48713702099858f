export type ConnectOptions = {
    /**
     * number in E.164 form, or a SIP user that the gateway knows
     */
    to?: string;
    /**
     * caller's number, where the gateway grants it
     */
    from?: string;
    /**
     * caller's name
     */
    displayName?: string;
    /**
     * SIP headers, `X-…` only
     */
    headers?: Record<string, string>;
    /**
     * for this call, over those of the device
     */
    audio?: MediaTrackConstraints;
    /**
     * plays the call, instead of one that is made and removed
     */
    element?: HTMLAudioElement;
    /**
     * gives the call up before `connect` is done
     */
    signal?: AbortSignal;
    /**
     * as Twilio's: `To` is `to`, and `X-…` are headers
     */
    params?: Record<string, string>;
    /**
     * as Twilio's: its `audio` is `audio`
     */
    rtcConstraints?: {
        audio?: boolean | MediaTrackConstraints;
    };
};
export type Placed = Omit<ConnectOptions, "to" | "params" | "rtcConstraints"> & {
    to: string;
};
/**
 * @param {ConnectOptions} options
 * @returns {Placed}
 * @throws {CallError} `invalid-argument`
 */
export declare function readConnectOptions(options: ConnectOptions): Placed;
