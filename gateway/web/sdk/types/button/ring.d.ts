/** @returns {() => void} stops it */
export declare function startRing(): () => void;
