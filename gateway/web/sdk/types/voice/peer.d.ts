export declare class Peer {
    #private;
    connection: RTCPeerConnection;
    sender: RTCRtpSender;
    /** @type {(RTCIceCandidateInit | null)[]} until a call listens; null at their end */
    found: (RTCIceCandidateInit | null)[];
    constructor();
    /**
     * Whether a call can use it as it is. If servers have complained, a connection of the call's own has to hear why.
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
