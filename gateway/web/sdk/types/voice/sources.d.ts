export type Access = import("./access.js").Access;
export type Source = import("./call-types.js").Source;
export type Signaling = import("./signaling.js").Signaling;
export declare class Sources {
    #private;
    options: {
        access: Access;
        iceServers?: RTCIceServer[];
        iceTransportPolicy?: RTCIceTransportPolicy;
    };
    /**
     * @param {object} options
     * @param {Access} options.access
     * @param {RTCIceServer[]} [options.iceServers] instead of the gateway's
     * @param {RTCIceTransportPolicy} [options.iceTransportPolicy]
     */
    constructor(options: {
        access: Access;
        iceServers?: RTCIceServer[];
        iceTransportPolicy?: RTCIceTransportPolicy;
    });
    /**
     * Makes a peer connection ahead, and has its candidates found. Before the microphone is permitted it would be of
     * little use: a browser hides the computer's addresses from it then, and goes on doing so. It is closed after a
     * while, which begins again with each time. What hinders it is told by the call.
     *
     * @param {Signaling} signaling
     */
    prepare(signaling: Signaling): Promise<void>;
    /** Closes what was made ahead. */
    release(): void;
    /**
     * @param {Signaling} signaling
     * @param {MediaTrackConstraints} audio
     * @param {AbortSignal} [over] the call is, while somebody is asked for the microphone
     * @returns {Promise<Source>}
     */
    open(signaling: Signaling, audio: MediaTrackConstraints, over?: AbortSignal): Promise<Source>;
    /**
     * @param {Signaling} signaling
     * @returns {Promise<RTCConfiguration>} what a peer connection needs at this moment
     */
    configure(signaling: Signaling): Promise<RTCConfiguration>;
}
/** @param {Source} source that no call has taken */
export declare function closeSource({ microphone, peer }: Source): void;
