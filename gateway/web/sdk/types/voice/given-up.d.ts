/**
 * @template T
 * @param {Promise<T>} promise
 * @param {(AbortSignal | undefined)[]} signals
 * @returns {Promise<T>} rejects with `canceled`
 */
export declare function unlessGivenUp<T>(promise: Promise<T>, signals: (AbortSignal | undefined)[]): Promise<T>;
