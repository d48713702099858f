export declare class Peer {
    #private;
    rtc: RTCPeerConnection;
    sender: RTCRtpSender;
    /** @type {(RTCIceCandidateInit | null)[]} until a call listens; null at their end */
    found: (RTCIceCandidateInit | null)[];
    /** @type {RTCPeerConnectionIceErrorEvent[]} of STUN and TURN servers, until a call listens */
    complaints: RTCPeerConnectionIceErrorEvent[];
    constructor();
    /**
     * Whether a call can use it as it is: not one that has looked for a way in vain.
     *
     * @param {RTCConfiguration} configuration
     */
    fits(configuration: RTCConfiguration): boolean;
    /**
     * From now on it looks for candidates, which it tells from the next task on.
     *
     * @param {RTCConfiguration} configuration
     * @throws {CallError} `invalid-argument`
     */
    configure(configuration: RTCConfiguration): void;
    /** @returns {Promise<RTCSessionDescriptionInit>} with no candidates, or but the first ones */
    offer(): Promise<RTCSessionDescriptionInit>;
    close(): void;
}
