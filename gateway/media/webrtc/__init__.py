"""The browser's transport: ICE and DTLS-SRTP. Nothing outside this room speaks to aiortc."""
