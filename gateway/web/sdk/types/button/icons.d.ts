/** The signs, as paths of 24 by 24. */
export declare const PHONE = "M5.2 3.5h2.6c.5 0 .9.3 1 .8l.9 3.4c.1.4 0 .8-.3 1.1L7.7 10.5a13 13 0 0 0 5.8 5.8l1.7-1.7c.3-.3.7-.4 1.1-.3l3.4.9c.5.1.8.5.8 1v2.6c0 .9-.7 1.7-1.7 1.7C10.6 20.5 3.5 13.4 3.5 5.2c0-1 .8-1.7 1.7-1.7z";
export declare const HANG_UP = "M2.6 13.8c5.2-5 13.6-5 18.8 0 .4.4.4 1 .1 1.4l-1.7 2c-.3.4-.8.4-1.2.2l-2.7-1.5a1 1 0 0 1-.5-.9v-2c-2.2-.7-4.6-.7-6.8 0v2c0 .4-.2.7-.5.9l-2.7 1.5c-.4.2-.9.2-1.2-.2l-1.7-2c-.3-.4-.3-1 .1-1.4z";
export declare const MICROPHONE = "M12 3.5a2.8 2.8 0 0 1 2.8 2.8v5a2.8 2.8 0 0 1-5.6 0v-5A2.8 2.8 0 0 1 12 3.5zM6 11a6 6 0 0 0 12 0M12 17v3.5";
export declare const MUTED = "M12 3.5a2.8 2.8 0 0 1 2.8 2.8v5a2.8 2.8 0 0 1-5.6 0v-5A2.8 2.8 0 0 1 12 3.5zM6 11a6 6 0 0 0 12 0M12 17v3.5M4 4l16 16";
export declare const KEYPAD: string;
export declare const HOLD = "M9 5.5v13M15 5.5v13";
export declare const TRANSFER = "M4 8.5h15M15 4.5l4 4-4 4M20 15.5H5M9 11.5l-4 4 4 4";
export declare const SPEAKER = "M4 9.5v5h3.5l5 4v-13l-5 4zM15.5 9a4 4 0 0 1 0 6M18 6.5a8 8 0 0 1 0 11";
export declare const MINIMIZE = "M6 9.5l6 6 6-6";
export declare const CLOSE = "M6 6l12 12M18 6L6 18";
export declare const STAR = "M12 3.6l2.6 5.3 5.8.8-4.2 4.1 1 5.8-5.2-2.7-5.2 2.7 1-5.8-4.2-4.1 5.8-.8z";
export declare const WARNING = "M12 4l9 15.5H3zM12 10v4.5M12 17v.1";
export declare const DONE = "M5 12.5l4.5 4.5L19 7.5";
export declare const ERASE = "M8.5 5.5H20v13H8.5L3 12zM11.5 9.5l5 5M16.5 9.5l-5 5";
