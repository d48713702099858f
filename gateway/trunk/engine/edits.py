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

TLS: Final = (
    # Whose certificate a connection of ours is for: the trunk's name, as next hops are addresses.
    # It is the SNI, too. What has such a name is for that trunk alone, and no port listens for it.
    Edit(
        "pjsip/include/pjsip/sip_transport_tls.h",
        "\n\n} pjsip_tls_setting;",
        "\n\n    pj_str_t server_name;\n\n} pjsip_tls_setting;",
    ),
    Edit(
        "pjsip/include/pjsip/sip_transport_tls.h",
        "    pj_strdup_with_null(pool, &dst->sigalgs, &src->sigalgs);\n",
        "    pj_strdup_with_null(pool, &dst->sigalgs, &src->sigalgs);\n"
        "    pj_strdup_with_null(pool, &dst->server_name, &src->server_name);\n",
    ),
    Edit(
        "pjsip/include/pjsua2/siptypes.hpp",
        "    unsigned            credDirectType;\n",
        "    unsigned            credDirectType;\n    string              serverName;\n",
    ),
    Edit(
        "pjsip/src/pjsua2/siptypes.cpp",
        "    ts.cert_lookup.type = this->certLookupType;\n",
        "    ts.cert_lookup.type = this->certLookupType;\n"
        "    ts.server_name      = str2Pj(this->serverName);\n",
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        "    ssock_param.server_name = remote_name;\n",
        """\
    ssock_param.server_name = listener->tls_setting.server_name.slen
                            ? listener->tls_setting.server_name : remote_name;
""",
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        "    status = pjsip_tls_transport_lis_start(&listener->factory, local, a_name);\n",
        """\
    if (listener->tls_setting.server_name.slen) {
        update_bound_addr(listener, local);
        status = update_factory_addr(listener, a_name);
        if (status == PJ_SUCCESS)
            update_transport_info(listener);
    } else
        status = pjsip_tls_transport_lis_start(&listener->factory, local, a_name);
""",
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        "    pj_str_t                 remote_name;\n",
        "    pj_str_t                 remote_name;\n    pj_str_t                 server_name;\n",
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        "    tls->verify_server = listener->tls_setting.verify_server;\n",
        "    tls->verify_server = listener->tls_setting.verify_server;\n"
        "    pj_strdup(pool, &tls->server_name, &listener->tls_setting.server_name);\n",
    ),
    # A host name that the trunk has given us over TLS, in Contact or Record-Route, may have a
    # certificate of its own. An address may not: the first one is from DNS, which can be forged.
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        """\
        if (tls->remote_name.slen)
            remote_name = &tls->remote_name;
        else
            remote_name = &tls->base.remote_name.host;

""",
        """\
        remote_name = tls->server_name.slen ? &tls->server_name
                                            : &tls->base.remote_name.host;
next_name:
""",
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        """\
        if (!matched) {
            matched = !pj_stricmp(remote_name, &serv_cert->subject.cn);
        }
""",
        """\
        if (!matched && serv_cert->subj_alt_name.cnt == 0) {
            matched = !pj_stricmp(remote_name, &serv_cert->subject.cn);
        }
        if (!matched && tls->server_name.slen && remote_name == &tls->server_name &&
            !is_address(&tls->base.remote_name.host))
        {
            remote_name = &tls->base.remote_name.host;
            goto next_name;
        }
""",
    ),
    # RFC 5922 forbids wildcards, and carriers have them.
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        """\
            case PJ_SSL_CERT_NAME_IP:
                matched = !pj_stricmp(remote_name, cert_name);
""",
        """\
            case PJ_SSL_CERT_NAME_IP:
                matched = is_named(remote_name, cert_name);
""",
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        """\
/* 
 * Callback from ioqueue when asynchronous connect() operation completes.
 */
""",
        """\
static pj_bool_t is_address(const pj_str_t *host)
{
    pj_in_addr v4;
    return pj_strchr(host, ':') != NULL ||
           pj_inet_pton(pj_AF_INET(), host, &v4) == PJ_SUCCESS;
}

/* Whether a name of a certificate is a host's; "*" stands for its first label (RFC 6125 6.4.3). */
static pj_bool_t is_named(const pj_str_t *host, const pj_str_t *name)
{
    const char *dot = pj_strchr(host, '.');
    pj_str_t domain, suffix;

    if (!pj_stricmp(host, name))
        return PJ_TRUE;
    if (pj_strnicmp2(name, "*.", 2) || !dot || dot == host->ptr || is_address(host))
        return PJ_FALSE;
    pj_strset(&domain, (char*)dot, host->slen - (dot - host->ptr));
    pj_strset(&suffix, name->ptr + 1, name->slen - 1);
    return !pj_stricmp(&domain, &suffix) && suffix.slen > 1 &&
           pj_memchr(suffix.ptr + 1, '.', suffix.slen - 1) != NULL;
}


/* 
 * Callback from ioqueue when asynchronous connect() operation completes.
 */
""",
    ),
    # A NUL would end a name before the name that its issuer has checked.
    Edit(
        "pjlib/src/pj/ssl_sock_ossl.c",
        "            if (p && len && type != PJ_SSL_CERT_NAME_UNKNOWN) {\n",
        "            if (p && len && type != PJ_SSL_CERT_NAME_UNKNOWN &&\n"
        "                (type == PJ_SSL_CERT_NAME_IP || strlen((char*)p) == (size_t)len)) {\n",
    ),
    # Why a handshake has failed is told before what waits for it fails, as with certificates.
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        """\
        tls_perror(tls->base.obj_name, "TLS connect() error", status,
                   &tls->remote_name);

""",
        """\
        tls_perror(tls->base.obj_name, "TLS connect() error", status,
                   &tls->remote_name);
        tls_init_shutdown(tls, status);

""",
    ),
    # We tell of these ourselves; and strangers could fill the log with the first.
    Edit(
        "pjlib/src/pj/ssl_sock_imp_common.c",
        'PJ_LOG(1,(ssock->pool->obj_name, "SSL timeout after',
        'PJ_LOG(4,(ssock->pool->obj_name, "SSL timeout after',
    ),
    Edit(
        "pjsip/src/pjsip/sip_transport_tls.c",
        'PJ_LOG(1,(tls->base.obj_name,\n                    "RFC 5922',
        'PJ_LOG(4,(tls->base.obj_name,\n                    "RFC 5922',
    ),
    # Whom a connection goes to that fails: only a certificate's fault came with an address.
    Edit(
        "pjsip/include/pjsua2/endpoint.hpp",
        "    pj_status_t         lastError;\n    \n    /**\n     * TLS transport info",
        "    pj_status_t         lastError;\n    string              remote;\n"
        "    \n    /**\n     * TLS transport info",
    ),
    Edit(
        "pjsip/src/pjsua2/endpoint.cpp",
        "    prm.lastError = info ? info->status : PJ_SUCCESS;\n",
        """\
    prm.lastError = info ? info->status : PJ_SUCCESS;
    char remote[PJ_INET6_ADDRSTRLEN + 10];
    prm.remote = pj_sockaddr_print(&tp->key.rem_addr, remote, sizeof(remote), 3);
""",
    ),
    # Peers answer a `sips:` request with a `sip:` Contact, and the next request takes TLS all the
    # same, as the account does.
    Edit(
        "pjsip/src/pjsip/sip_config.c",
        "       PJSIP_RESOLVE_HOSTNAME_TO_GET_INTERFACE,\n       0,\n",
        "       PJSIP_RESOLVE_HOSTNAME_TO_GET_INTERFACE,\n       1,\n",
    ),
    # One for each trunk with TLS.
    Edit(
        "pjsip/include/pjsua-lib/pjsua_internal.h",
        "pjsua_transport_data tpdata[8];",
        "pjsua_transport_data tpdata[64];",
    ),
)

EDITS: Final = (*BUILD, *UNREADABLE, *ODD_LINES, *MEMORY, *CALLBACKS, *CALLS_GO_ON, *SPEED, *TLS)

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
