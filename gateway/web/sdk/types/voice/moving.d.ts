export type EventName = import("./names.js").EventName;
