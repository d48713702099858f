/** The microphone, and in plain words why there is none. */
import { CallError } from "./errors.js";
/**
 * Why this page cannot call at all, or null. Outside secure contexts browsers hide
 * `navigator.mediaDevices` altogether, so the two cases have to be told apart here.
 */
export declare function checkSupport(): CallError | null;
/**
 * @param {MediaTrackConstraints} [constraints] over the defaults
 * @returns {Promise<MediaStream>}
 * @throws {CallError} `microphone-…`, `insecure-origin`, `unsupported`
 */
export declare function openMicrophone(constraints?: MediaTrackConstraints): Promise<MediaStream>;
/** @param {MediaStream} stream */
export declare function closeMicrophone(stream: MediaStream): void;
