/** From this code on it is no answer of a STUN or TURN server's, but that there was none (W3C WebRTC 4.8.1.3). */
export declare const UNREACHABLE = 700;
