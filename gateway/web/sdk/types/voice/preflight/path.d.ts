export type Path = {
    kind: "direct" | "relay";
    /**
     * its type, as ICE has it: host, srflx, prflx, relay
     */
    candidate: string;
    /**
     * between browser and gateway, or browser and relay
     */
    protocol: "udp" | "tcp" | "tls";
    /**
     * of the checks on it
     */
    rttMs: number | null;
};
export type Stats = {
    [key: string]: any;
};
export type Checks = {
    seconds: number;
    count: number;
};
/**
 * @param {Stats[]} stats
 * @returns {Checks | null}
 */
export declare function checksOf(stats: Stats[]): Checks | null;
/**
 * @param {Stats[]} stats
 * @param {Checks | null} [since] what counts no more: while a connection comes up, much else delays its checks
 * @returns {Path | null} null while none is chosen
 */
export declare function summarizePath(stats: Stats[], since?: Checks | null): Path | null;
