/**
 * @param {string} url of the WebSocket, absolute
 * @param {number} since ms since the last try
 */
export declare function mayTry(url: string, since: number): Promise<boolean>;
