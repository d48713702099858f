export type Sample = import("./quality.js").Sample;
export declare class Monitor {
    #private;
    options: {
        media: import("./media.js").Media;
        expectsAudio: () => boolean;
        onVolume: (input: number, output: number) => void;
        onSample: (sample: Sample) => void;
        onReport: (report: object[]) => void;
        onWarning: (change: {
            name: string;
            active: boolean;
            value: number;
            limit: number;
        }) => void;
    };
    /**
     * @param {object} options
     * @param {import("./media.js").Media} options.media
     * @param {() => boolean} options.expectsAudio whether silence on the wire deserves a warning
     * @param {(input: number, output: number) => void} options.onVolume
     * @param {(sample: Sample) => void} options.onSample
     * @param {(report: object[]) => void} options.onReport for the gateway
     * @param {(change: { name: string, active: boolean, value: number, limit: number }) => void} options.onWarning
     */
    constructor(options: {
        media: import("./media.js").Media;
        expectsAudio: () => boolean;
        onVolume: (input: number, output: number) => void;
        onSample: (sample: Sample) => void;
        onReport: (report: object[]) => void;
        onWarning: (change: {
            name: string;
            active: boolean;
            value: number;
            limit: number;
        }) => void;
    });
    /** To be called again when a track has come or was swapped. */
    follow(): void;
    close(): void;
}
