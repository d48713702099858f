export type DigitOptions = {
    duration?: number;
    gap?: number;
};
/**
 * @param {string} digits 0-9, A-D, * and #, and the pauses "," (2 s) and "w" (half a second), up to 64 of them
 * @param {DigitOptions} options
 * @returns {{ digits: string, duration: number, gap: number }}
 * @throws {CallError} `invalid-argument`
 */
export declare function checkDigits(digits: string, { duration, gap }: DigitOptions): {
    digits: string;
    duration: number;
    gap: number;
};
/**
 * @param {string} digit
 * @returns {boolean} whether it is heard
 */
export declare const isHeard: (digit: string) => boolean;
