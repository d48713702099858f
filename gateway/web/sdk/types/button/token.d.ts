/** Call tokens from the site's own server, and what one of them allows. */
/**
 * @param {string} address of the site's own server; asked by POST, with the site's cookies
 * @returns {Promise<string>} the answer's text: the client takes the token alone, or JSON with it
 */
export declare function fetchToken(address: string): Promise<string>;
/**
 * Whether a token names somebody else to hand the call over to. It is read, not believed: the gateway decides.
 *
 * @param {string} [token] JWT
 */
export declare function grantsTransfer(token?: string): any;
