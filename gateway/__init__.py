"""The gateway: a back-to-back user agent between browsers (WebRTC) and SIP trunks."""
