// Which of pjsua2's callbacks reach Python; included before pjproject's classes.
//
// A director calls Python for each of its virtual methods, whether or not a class overrides it: some
// ten microseconds to learn that nobody wanted to know. These stay in C++.

%feature("nodirector") pj::Call::onCallTsxState; // the filter has seen the message
%feature("nodirector") pj::Call::onStreamPreCreate;
%feature("nodirector") pj::Call::onStreamCreated;
%feature("nodirector") pj::Call::onStreamDestroyed;
%feature("nodirector") pj::Call::onDtmfDigit;
%feature("nodirector") pj::Call::onDtmfEvent;
%feature("nodirector") pj::Call::onCallRxText;
%feature("nodirector") pj::Call::onCallTransferStatus;
%feature("nodirector") pj::Call::onCallReplaced;
%feature("nodirector") pj::Call::onCallTxOffer;
%feature("nodirector") pj::Call::onInstantMessage;
%feature("nodirector") pj::Call::onInstantMessageStatus;
%feature("nodirector") pj::Call::onTypingIndication;
%feature("nodirector") pj::Call::onCallRedirected;
%feature("nodirector") pj::Call::onCallMediaTransportState;
%feature("nodirector") pj::Call::onCallMediaEvent;
%feature("nodirector") pj::Call::onCreateMediaTransport;
%feature("nodirector") pj::Call::onCreateMediaTransportSrtp;

// What is asked of a call with each of its events. `getInfo` copies some thirty fields for it.
%{
#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

static const pjsua_call *dataOf(const pj::Call &call)
{
    int id = call.getId();
    return id >= 0 && id < (int)pjsua_var.ua_cfg.max_calls ? &pjsua_var.calls[id] : NULL;
}
%}

%extend pj::Endpoint {
    // Close a listening port and open it again, with certificates as their files are now; returns
    // pjsip's status. Connections that stand go on.
    int transportRestart(int id, const pj::TransportConfig &config)
    {
        pjsua_transport_config native = config.toPj();
        return pjsua_transport_lis_restart(id, &native);
    }
}

%extend pj::Call {
    // PJSIP_INV_STATE_…, as `getInfo().state`; DISCONNECTED where there is no session any more.
    int inviteState() const
    {
        const pjsua_call *data = dataOf(*$self);
        return data && data->inv && !data->hanging_up ? data->inv->state
                                                      : PJSIP_INV_STATE_DISCONNECTED;
    }

    // The Call-ID, as `getInfo().callIdString`; empty where there is no session any more.
    std::string callIdString() const
    {
        const pjsua_call *data = dataOf(*$self);
        if (!data || !data->inv)
            return std::string();
        const pj_str_t &id = data->inv->dlg->call_id->id;
        return std::string(id.ptr, id.slen);
    }
}
