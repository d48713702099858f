/**
 * Events with more than one argument and no DOM. EventTarget offers neither typed arguments nor
 * `once` with a plain value, and its listeners get an Event to unpack.
 *
 * @template {{ [K in keyof E]: unknown[] }} E event name to the list of its arguments
 */
export declare class Emitter<E extends {
    [K in keyof E]: unknown[];
}> {
    #private;
    /**
     * @template {keyof E} K
     * @param {K} event
     * @param {(...args: E[K]) => void} listener
     * @returns {this}
     */
    on<K extends keyof E>(event: K, listener: (...args: E[K]) => void): this;
    /**
     * @template {keyof E} K
     * @param {K} event
     * @param {(...args: E[K]) => void} listener
     * @returns {this}
     */
    once<K extends keyof E>(event: K, listener: (...args: E[K]) => void): this;
    /**
     * Without a listener: removes all of the event.
     *
     * @template {keyof E} K
     * @param {K} event
     * @param {(...args: E[K]) => void} [listener]
     * @returns {this}
     */
    off<K extends keyof E>(event: K, listener?: (...args: E[K]) => void): this;
    /**
     * For the client itself: told before any listener.
     *
     * @template {keyof E} K
     * @param {K} event
     * @param {(...args: E[K]) => void} watcher
     */
    watch<K extends keyof E>(event: K, watcher: (...args: E[K]) => void): void;
    /**
     * Another name for `on`.
     *
     * @template {keyof E} K
     * @param {K} event
     * @param {(...args: E[K]) => void} listener
     */
    addListener<K extends keyof E>(event: K, listener: (...args: E[K]) => void): this;
    /**
     * Another name for `off`.
     *
     * @template {keyof E} K
     * @param {K} event
     * @param {(...args: E[K]) => void} [listener]
     */
    removeListener<K extends keyof E>(event: K, listener?: (...args: E[K]) => void): this;
    /** @param {keyof E} [event] or all events */
    removeAllListeners(event?: keyof E): this;
    /**
     * A listener that throws is reported to the page's `error` event and stops neither the other
     * listeners nor the call: half a teardown would leave a live microphone behind.
     *
     * @template {keyof E} K
     * @param {K} event
     * @param {E[K]} args
     * @protected
     */
    protected emit<K extends keyof E>(event: K, ...args: E[K]): void;
}
