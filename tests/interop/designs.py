"""What of the foreign suite is not run, and why: it has pjsua do what the gateway does not do.

pjsua is a telephone: it subscribes, registers, transfers, changes its calls by command, and is
started with options that turn features on. Each of those is named here once, with its files.
"""

from __future__ import annotations

from typing import Final

_REASONS: Final[dict[str, tuple[str, ...]]] = {
    "It waits for a second offer that settles on one codec; the gateway decodes all that were "
    "agreed and needs none.": (
        "scripts-sipp/uas-answer-180-multiple-fmts-support-update.xml",
        "scripts-sipp/uas-answer-180-multiple-fmts.xml",
        "scripts-sipp/uas-answer-200-multiple-fmts-support-update.xml",
        "scripts-sipp/uas-answer-200-multiple-fmts.xml",
    ),
    "It waits for an offer in mid-call that pjsua makes by command; the gateway makes none but "
    "the session timer's.": (
        "scripts-sipp/uac-early-recv-update-481.xml",
        "scripts-sipp/uac-inv-two-media-but-one-disabled-no-rtpmap.xml",
        "scripts-sipp/uac-ticket-1148.xml",
        "scripts-sipp/uas-answer-200-reinvite-without-sdp.xml",
        "scripts-sipp/uas-answer-200-update-without-sdp.xml",
        "scripts-sipp/uas-answer-200-without-to-tag.xml",
        "scripts-sipp/uas-reinv-after-failed-nego.xml",
        "scripts-sipp/uas-reinv-glare.xml",
        "scripts-sipp/uas-reinv-with-less-media.xml",
    ),
    "It waits for REGISTER; the gateway registers nowhere, a trunk knows it by its address or "
    "challenges its calls.": (
        "scripts-sipp/uas-auth-two-algo.xml",
        "scripts-sipp/uas-auth.xml",
        "scripts-sipp/uas-register-ip-change-port-only.xml",
        "scripts-sipp/uas-register-ip-change.xml",
    ),
    "It waits for SUBSCRIBE; the gateway watches nobody.": (
        "scripts-sipp/uas-mwi-0.xml",
        "scripts-sipp/uas-mwi.xml",
        "scripts-sipp/uas-subscribe-late-notify.xml",
        "scripts-sipp/uas-subscribe-multipart-notify.xml",
        "scripts-sipp/uas-subscribe-notify-terminate.xml",
        "scripts-sipp/uas-subscribe-refresh-481.xml",
        "scripts-sipp/uas-subscribe-terminated-retry.xml",
    ),
    "It subscribes, and wants to be let, or to be told what is wrong with its SUBSCRIBE; the "
    "gateway takes none and says 405.": (
        "scripts-sendto/363_non_sip_uri_subscribe.py",
        "scripts-sendto/364_non_sip_uri_subscribe.py",
        "scripts-sendto/500_pres_subscribe_with_bad_event.py",
        "scripts-sipp/uac-subscribe.xml",
    ),
    "It registers, and wants to be let; the gateway is no registrar and says 405.": (
        "scripts-sendto/001_torture_4475_3_1_1_4.py",
    ),
    "It sends MESSAGE, and wants 200; nobody would read it here, and the gateway says 405.": (
        "scripts-sendto/159_no_rport_nit.py",
        "scripts-sendto/999_message_no_body.py",
        "scripts-sipp/uac-message-no-body.xml",
    ),
    "It wants 405 for a method that nobody knows; RFC 3261 section 21.5.2 has 501 for that.": (
        "scripts-sendto/001_torture_4475_3_1_1_2.py",
        "scripts-sendto/001_torture_4475_3_1_1_5.py",
    ),
    "Its body is shorter than its Content-Length says; RFC 3261 section 18.3 has 400 for that.": (
        "scripts-sendto/110_tel_uri.py",
        "scripts-sendto/251_multipart_ok_simple.py",
        "scripts-sendto/252_multipart_ok_clutter.py",
        "scripts-sendto/260_multipart_err_no_sdp.py",
    ),
    "It wants 400 for a line of a description that is malformed; the gateway reads the others, "
    "and says 488 if they are of no use.": (
        "scripts-sendto/156_err_sdp_bad_net_type.py",
        "scripts-sendto/157_err_sdp_bad_addr_type.py",
    ),
    "It wants CANCEL for a 183 whose description is of no use; the gateway waits for the 200, "
    "whose description counts.": (
        "scripts-sipp/uas-answer-183-wrong-attr.xml",
        "scripts-sipp/uas-answer-183-wrong-codec.xml",
        "scripts-sipp/uas-answer-183-wrong-media.xml",
    ),
    "It waits for a reliable 183 (RFC 3262); whoever is called here sends none reliably.": (
        "scripts-sipp/uac-prack-sdp-decline.xml",
        "scripts-sipp/uac-prack-sdp-offer.xml",
        "scripts-sipp/uac-upd-sdp-decline.xml",
        "scripts-sipp/uac-upd-sdp-offer.xml",
    ),
    "It wants 500 for an offer in mid-call with no codec in common; RFC 3261 section 14.2 has "
    "488 for that, and so have we.": (
        "scripts-sipp/uac-ticket-1864-scenario2.xml",
        "scripts-sipp/uac-ticket-1866-reinv-after-failed-nego.xml",
    ),
    "It is the other half of a pair, which wants norefersub in Supported (RFC 4488); a gateway "
    "that declines REFER does not support it.": (
        "scripts-sipp/uac-norefersub.xml",
        "scripts-sipp/uas-norefersub.xml",
    ),
    "It is no story for SIPp: its driver has three pjsua transfer a call among them.": (
        "scripts-sipp/transfer-attended.xml",
        "scripts-sipp/transfer-unattended.xml",
    ),
    "It tests a build of pjsua with descriptions given on its command line, video among them.": (
        "scripts-sipp/alt-pjsua-uac-custom-sdp.xml",
        "scripts-sipp/alt-pjsua-uas-custom-sdp.xml",
    ),
    "It wants ICE in the answer; nobody called here speaks ICE, trunks have fixed addresses.": (
        "scripts-sendto/200_ice_success_1.py",
        "scripts-sendto/200_ice_success_2.py",
        "scripts-sendto/200_ice_success_3.py",
        "scripts-sendto/200_ice_success_4.py",
        "scripts-sendto/201_ice_mismatch_1.py",
        "scripts-sendto/201_ice_mismatch_2.py",
        "scripts-sendto/201_ice_mismatch_3.py",
    ),
    "It has pjsua encrypt, or insist on it; media of whoever is called here is not encrypted.": (
        "scripts-sendto/300_srtp_crypto_case_insensitive.py",
        "scripts-sendto/300_srtp_duplicated_crypto_tag.py",
        "scripts-sendto/300_srtp_invalid_crypto_tag_non_numeric.py",
        "scripts-sendto/300_srtp_receive_crypto_tag_zero.py",
        "scripts-sendto/300_srtp_receive_no_key_1.py",
        "scripts-sendto/300_srtp_receive_no_key_2.py",
        "scripts-sendto/300_srtp_receive_no_key_3.py",
        "scripts-sendto/311_srtp1_recv_avp.py",
        "scripts-sendto/312_srtp1_recv_savp.py",
        "scripts-sendto/320_srtp2_no_crypto.py",
        "scripts-sendto/320_srtp_with_unknown_media_1.py",
        "scripts-sendto/320_srtp_with_unknown_media_2.py",
        "scripts-sendto/320_srtp_with_unknown_transport_1.py",
        "scripts-sendto/320_srtp_with_unknown_transport_2.py",
        "scripts-sendto/321_srtp2_recv_avp.py",
        "scripts-sendto/322_srtp2_recv_savp.py",
        "scripts-sendto/323_srtp2_receive_too_long_key.py",
        "scripts-sendto/323_srtp2_unsupported_crypto.py",
        "scripts-sendto/330_srtp_prefer_rtp_savp.py",
        "scripts-sipp/uac-srtp-dtls-lower-prio.xml",
        "scripts-sipp/uac-srtp-dtls-reinv-sdes.xml",
        "scripts-sipp/uac-srtp-dtls.xml",
        "scripts-sipp/uac-srtp-sdes-reinv-dtls.xml",
        "scripts-sipp/uac-srtp-sdes.xml",
    ),
    "It wants a codec that no trunk here has (G.722.1, AMR).": (
        "scripts-sendto/400_fmtp_g7221_with_bitrate.py",
        "scripts-sendto/401_fmtp_g7221_with_bitrate_24000.py",
        "scripts-sendto/401_fmtp_g7221_with_bitrate_32000.py",
        "scripts-sendto/410_fmtp_amrnb_offer_octet_align.py",
        "scripts-sendto/411_fmtp_amrnb_offer_band_eff.py",
        "scripts-sendto/412_fmtp_amrnb_offer_band_eff2.py",
    ),
    "It waits for a session timer that pjsua asks for by an option when it is called; RFC 4028 "
    "section 9 leaves that to the called, and ours follow the caller.": (
        "scripts-sendto/171_timer_initiated_by_uas.py",
    ),
    "It has pjsua take no session timer below 2000 s; ours may be as short as RFC 4028 lets "
    "them.": ("scripts-sendto/174_timer_se_too_small.py",),
}

BY_DESIGN: Final = {file: why for why, files in _REASONS.items() for file in files}
"""Why a file is not run, by its path in the suite."""
