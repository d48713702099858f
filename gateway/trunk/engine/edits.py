"""What the build changes in pjproject's source, and in what SWIG makes of it.

A change of the source names the text that it replaces: on another version of pjproject, where that
text is not there, the build stops instead of leaving the change out.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple


class OtherSourceError(Exception):
    """The source does not hold a text that an edit replaces."""


class Edit(NamedTuple):
    """A text of a file of pjproject, and what stands in its place."""

    name: str
    old: str
    new: str


BUILD: Final = (
    # Debian removes this file for its licence but not its line in the Makefile.
    Edit("pjmedia/build/Makefile", " bdimad_dev.o", ""),
    # Say nothing on standard output before the log settings are known.
    Edit(
        "pjlib/src/pj/log.c",
        "pj_log_max_level = PJ_LOG_MAX_LEVEL;",
        "pj_log_max_level = 1;",
    ),
    # Our own part of the wrapper.
    Edit(
        "pjsip-apps/src/swig/pjsua2.i",
        '%include "symbols.i"',
        '%include "symbols.i"\n%include "callbacks.i"',
    ),
    Edit(
        "pjsip-apps/src/swig/pjsua2.i",
        '%include "pjsua2/endpoint.hpp"',
        '%include "pjsua2/endpoint.hpp"\n%include "message_filter.i"',
    ),
)

UNREADABLE: Final = (
    # Where data came from that is no SIP message: the callback that counts it has no other way.
    Edit(
        "pjsip/include/pjsip/sip_transport.h",
        "typedef struct pjsip_tp_dropped_data\n{\n",
        "typedef struct pjsip_tp_dropped_data\n{\n    pjsip_rx_data *rdata;\n",
    ),
    Edit("pjsip/src/pjsip/sip_transport.c", "dd.tp = tr;", "dd.tp = tr; dd.rdata = rdata;"),
    # That callback tells of it; any stranger could fill the log with errors.
    Edit(
        "pjsip/src/pjsip/sip_endpoint.c",
        'PJ_LOG(1, (THIS_FILE, \n                  "Error processing packet',
        'PJ_LOG(4, (THIS_FILE, \n                  "Error processing packet',
    ),
    Edit(
        "pjsip/src/pjsip/sip_parser.c",
        "PJ_LOG(1, (THIS_FILE, \"Error parsing '%.*s'",
        "PJ_LOG(4, (THIS_FILE, \"Error parsing '%.*s'",
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport.c",
        'PJ_LOG(2, (THIS_FILE,\n                      "Dropping %lu bytes',
        'PJ_LOG(4, (THIS_FILE,\n                      "Dropping %lu bytes',
    ),
)

ODD_LINES: Final = (
    # A header that cannot be parsed is left out, and no message is lost for it: only those that
    # tell one message from another are needed. The parser goes on behind such a line already.
    Edit(
        "pjsip/src/pjsip/sip_transport.c",
        "if (msg==NULL || !pj_list_empty(&rdata->msg_info.parse_err)) {",
        "if (msg==NULL) {",
    ),
    # It does so one line too late where a header is a name without a colon, and lines end in LF.
    Edit(
        "pjsip/src/pjsip/sip_parser.c",
        """\
            if (pj_scan_get_char( scanner ) != ':') {
                PJ_THROW(PJSIP_SYN_ERR_EXCEPTION);
            }
            
            /* Find handler. */
""",
        """\
            if (*scanner->curptr != ':') {
                PJ_THROW(PJSIP_SYN_ERR_EXCEPTION);
            }
            pj_scan_get_char(scanner);
            
            /* Find handler. */
""",
    ),
    # And not behind the last of them, where the body comes.
    Edit(
        "pjsip/src/pjsip/sip_parser.c",
        """\
    parsing_headers = PJ_FALSE;

retry_parse:
    PJ_TRY 
    {
""",
        """\
    volatile pj_bool_t headers_end = PJ_FALSE;

    parsing_headers = PJ_FALSE;

retry_parse:
    PJ_TRY 
    {
        if (headers_end)
            goto end_of_headers;

""",
    ),
    Edit(
        "pjsip/src/pjsip/sip_parser.c",
        """\
        parsing_headers = PJ_FALSE;

        /* If empty line is found, eat it. */
""",
        """\
end_of_headers:
        parsing_headers = PJ_FALSE;

        /* If empty line is found, eat it. */
""",
    ),
    Edit(
        "pjsip/src/pjsip/sip_parser.c",
        """\
            if (!pj_scan_is_eof(scanner) && !IS_NEWLINE(*scanner->curptr)) {
                goto retry_parse;
            }
        }

        msg = NULL;
""",
        """\
            headers_end = pj_scan_is_eof(scanner) || IS_NEWLINE(*scanner->curptr);
            goto retry_parse;
        }

        msg = NULL;
""",
    ),
)

MEMORY: Final = (
    # An account without media of pjsip's has no use for a stream and its port in the conference:
    # 34 kB of memory per call, and any codec will do.
    Edit(
        "pjsip/src/pjsua-lib/pjsua_media.c",
        """\
    if (call_med->type == PJMEDIA_TYPE_AUDIO) {
        si = (pjmedia_stream_info_common *)&asi;
        status = pjmedia_stream_info_from_sdp(
""",
        """\
    if (acc->cfg.use_loop_med_tp) {
        pj_bool_t on = local_sdp->media[mi]->desc.port != 0;

        call_med->state = on ? PJSUA_CALL_MEDIA_ACTIVE : PJSUA_CALL_MEDIA_NONE;
        call_med->dir = on ? PJMEDIA_DIR_ENCODING_DECODING : PJMEDIA_DIR_NONE;
        if (on && call->audio_idx == -1 && call_med->type == PJMEDIA_TYPE_AUDIO)
            call->audio_idx = mi;
        return PJ_SUCCESS;
    }

    if (call_med->type == PJMEDIA_TYPE_AUDIO) {
        si = (pjmedia_stream_info_common *)&asi;
        status = pjmedia_stream_info_from_sdp(
""",
    ),
    # A message that is sent gets a buffer of its size, not of the largest that there may be.
    Edit(
        "pjsip/src/pjsip/sip_transport.c",
        """\
    /* Allocate buffer if necessary. */
    if (tdata->buf.start == NULL) {
        PJ_USE_EXCEPTION;

        PJ_TRY {
            tdata->buf.start = (char*) 
                               pj_pool_alloc(tdata->pool, PJSIP_MAX_PKT_LEN);
        }
        PJ_CATCH_ANY {
            return PJ_ENOMEM;
        }
        PJ_END

        tdata->buf.cur = tdata->buf.start;
        tdata->buf.end = tdata->buf.start + PJSIP_MAX_PKT_LEN;
    }

    /* Do we need to reprint? */
    if (!pjsip_tx_data_is_valid(tdata)) {
        pj_ssize_t size;

        size = pjsip_msg_print( tdata->msg, tdata->buf.start, 
                                tdata->buf.end - tdata->buf.start);
        if (size < 0) {
            return PJSIP_EMSGTOOLONG;
        }
        pj_assert(size != 0);
        tdata->buf.cur[size] = '\\0';
        tdata->buf.cur += size;
    }
""",
        """\
    /* Do we need to reprint? */
    if (!pjsip_tx_data_is_valid(tdata)) {
        static __thread char printed[PJSIP_MAX_PKT_LEN];
        pj_ssize_t size;

        size = pjsip_msg_print(tdata->msg, printed, sizeof(printed));
        if (size < 0) {
            return PJSIP_EMSGTOOLONG;
        }
        if (tdata->buf.end - tdata->buf.start <= size) {
            PJ_USE_EXCEPTION;

            PJ_TRY {
                tdata->buf.start = (char*) pj_pool_alloc(tdata->pool, size + 1);
            }
            PJ_CATCH_ANY {
                return PJ_ENOMEM;
            }
            PJ_END

            tdata->buf.end = tdata->buf.start + size + 1;
        }
        pj_memcpy(tdata->buf.start, printed, size);
        tdata->buf.start[size] = '\\0';
        tdata->buf.cur = tdata->buf.start + size;
    }
""",
    ),
    # The INVITE is kept for the case of a redirection. Once answered it cannot be redirected.
    Edit(
        "pjsip/src/pjsip-ua/sip_inv.c",
        """\
    /* Destroy last_ack */
    if (inv->last_ack) {
""",
        """\
    if (inv->invite_req) {
        pjsip_tx_data_dec_ref(inv->invite_req);
        inv->invite_req = NULL;
    }

    /* Destroy last_ack */
    if (inv->last_ack) {
""",
    ),
    # A dialog takes 14 kB for its life: one block of 8 kB, and then small steps.
    Edit(
        "pjsip/include/pjsip/sip_config.h",
        "#define PJSIP_POOL_LEN_DIALOG           4000",
        "#define PJSIP_POOL_LEN_DIALOG           8000",
    ),
    Edit(
        "pjsip/include/pjsip/sip_config.h",
        "#define PJSIP_POOL_INC_DIALOG           4000",
        "#define PJSIP_POOL_INC_DIALOG           1000",
    ),
)

CALLBACKS: Final = (
    # The filter has seen each message. This callback would copy it again, with all its texts.
    Edit(
        "pjsip/src/pjsua2/endpoint.cpp",
        "    ua_cfg.cb.on_call_tsx_state         = &Endpoint::on_call_tsx_state;\n",
        "",
    ),
    # Python wants the states that last: an established call, and an ended one.
    Edit(
        "pjsip/src/pjsua2/endpoint.cpp",
        """\
    OnCallStateParam prm;
    prm.e.fromPj(*e);
""",
        """\
    const pjsua_call &now = pjsua_var.calls[call_id];
    if (now.inv && !now.hanging_up && now.inv->state < PJSIP_INV_STATE_CONFIRMED)
        return;

    OnCallStateParam prm;
    prm.e.fromPj(*e);
""",
    ),
)

CALLS_GO_ON: Final = (
    # A refresh of the session that has crossed a re-INVITE of the trunk's, or that the trunk does
    # not want now, is tried again; only a trunk that does not know the call or does not answer ends
    # it (RFC 4028 section 10). After a crossing it is between 2.1 and 4 s (RFC 3261 section 14.1).
    Edit(
        "pjsip/src/pjsip-ua/sip_timer.c",
        """\
            if (st_code == 503 && PJSIP_SESS_TIMER_RETRY_DELAY >= 0) {
                /* Retry the refresh after some delay */
                pj_time_val delay = {PJSIP_SESS_TIMER_RETRY_DELAY, 0};
""",
        """\
            if (st_code != 408 && st_code != 481) {
                /* Retry the refresh after some delay */
                pj_time_val delay = {PJSIP_SESS_TIMER_RETRY_DELAY, 0};

                if (st_code == 491) {
                    delay.sec = 2;
                    delay.msec = 100 + pj_rand() % 190 * 10;
                    pj_time_val_normalize(&delay);
                }
""",
    ),
    # As with UPDATE, so with a re-INVITE.
    Edit(
        "pjsip/src/pjsip-ua/sip_inv.c",
        """\
            /* Process 502/503 error for session timer refresh */
            if (tsx->status_code == 503 || tsx->status_code == 502) {
                pjsip_timer_handle_refresh_error(inv, e);
            }
""",
        """\
            pjsip_timer_handle_refresh_error(inv, e);
""",
    ),
)

SPEED: Final = (
    # A transport that is bound to an address has one: no socket has to be opened and connected for
    # each call to learn it.
    Edit(
        "pjsip/src/pjsip/sip_transport.c",
        """\
            if (prm->local_if) {
                status = get_net_interface((pjsip_transport_type_e)
                                           tp->key.type,
""",
        """\
            if (prm->local_if && !pj_sockaddr_has_addr(&tp->local_addr)) {
                status = get_net_interface((pjsip_transport_type_e)
                                           tp->key.type,
""",
    ),
)

EDITS: Final = (*BUILD, *UNREADABLE, *ODD_LINES, *MEMORY, *CALLBACKS, *CALLS_GO_ON, *SPEED)

QUICKER: Final = (
    # An argument of a class of the wrapper is none of SWIG's bare pointers; to look for those of a
    # second SWIG module, which is not there, takes more time than the call itself.
    (
        r"(  if \(op_type == target_tp\) \{\n    return 1;\n  \}) else \{",
        r"\1 else if (1) {\n    return 0;\n  } else {",
    ),
    # To read or write a field is no reason to let another thread have the interpreter.
    (
        r"SWIG_PYTHON_THREAD_BEGIN_ALLOW;\n"
        r"(    (?:result = [^\n]*\(arg1\)->\w+\)|if \(arg1\) \(arg1\)->\w+ = [^\n]*);\n)"
        r"    SWIG_PYTHON_THREAD_END_ALLOW;\n",
        r"\1",
    ),
)
"""Patterns in the C++ that SWIG writes, and replacements. Another SWIG may write it otherwise: what
is not found is left as it is, and costs speed only."""


def apply(tree: Path) -> None:
    """Edit the source below `tree`; OtherSourceError if a text is missing."""
    for name, old, new in EDITS:
        text = (tree / name).read_text()
        if old not in text:
            raise OtherSourceError(f"{name} of this pjproject holds no {old!r}: another version?")
        (tree / name).write_text(text.replace(old, new))


def quicken(wrapper: Path) -> None:
    """Rewrite the C++ file that SWIG has written."""
    text = wrapper.read_text()
    for pattern, replacement in QUICKER:
        text = re.sub(pattern, replacement, text)
    wrapper.write_text(text)
