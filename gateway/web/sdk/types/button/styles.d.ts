export declare function styleSheet(): CSSStyleSheet;
