export declare class Peer {
    #private;
    connection: RTCPeerConnection;
    sender: RTCRtpSender;
    constructor();
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
