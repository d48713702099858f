export declare class Peer {
    #private;
    connection: RTCPeerConnection;
    sender: RTCRtpSender;
    constructor();
    /**
     * @param {RTCConfiguration} configuration
     * @throws {CallError} `invalid-argument`
     */
    configure(configuration: RTCConfiguration): void;
    /** @returns {Promise<RTCSessionDescriptionInit>} with no candidates yet: they are looked for from now on */
    offer(): Promise<RTCSessionDescriptionInit>;
    close(): void;
}
