#include "message_filter.hpp"

#include "challenges.hpp"

#include <cstring>
#include <exception>
#include <set>
#include <string_view>

#include <pjsua-lib/pjsua.h>
#include <pjsua-lib/pjsua_internal.h>

#define THIS_FILE "message_filter.cpp"

namespace pj {
namespace {

const size_t MOST_HELD = 1000;   // a flood of offers must not take the memory of calls
const long HELD_SECONDS = 32;    // then no peer waits for an answer any more (RFC 3261 timer F)
const pj_time_val TICK = {1, 0}; // only while something is held

// What is said of us in Allow, Supported and Accept, of all that pjsip would say: it knows how to be
// transferred and subscribed to, and this is not done here.
const std::set<std::string_view> METHODS = {"INVITE", "ACK",  "BYE",   "CANCEL",
                                            "PRACK",  "INFO", "UPDATE", "OPTIONS"};
const std::set<std::string_view> EXTENSIONS = {"100rel", "timer"};
const std::set<std::string_view> TYPES = {"application/sdp"};

MessageFilter *active = NULL; // pjsip's callbacks carry no pointer of ours; the endpoint is one too

pj_str_t view(const std::string &text)
{
    pj_str_t string = {const_cast<char *>(text.data()), (pj_ssize_t)text.size()};
    return string;
}

bool same(const pj_str_t &one, const pj_str_t &other)
{
    return pj_stricmp(&one, &other) == 0;
}

// Whether bytes follow the headers. pjsip sees a body only where there is a Content-Type.
bool holdsBody(const pjsip_rx_data *data)
{
    if (data->msg_info.msg->body || (data->msg_info.clen && data->msg_info.clen->len > 0))
        return true;
    std::string_view text(data->msg_info.msg_buf, data->msg_info.len);
    size_t end = text.find("\r\n\r\n");
    return end != text.npos && end + 4 < text.size();
}

// Whether every message of this kind is asked about, not only those with a body.
bool matters(const pjsip_rx_data *data)
{
    if (data->msg_info.msg->type == PJSIP_RESPONSE_MSG) {
        const pjsip_method &method = data->msg_info.cseq->method;
        const pj_str_t refer = {const_cast<char *>("REFER"), 5};
        return method.id == PJSIP_INVITE_METHOD || method.id == PJSIP_OPTIONS_METHOD ||
               same(method.name, refer);
    }
    const pjsip_method &method = data->msg_info.msg->line.req.method;
    const pj_str_t prack = {const_cast<char *>("PRACK"), 5};
    return method.id != PJSIP_ACK_METHOD && method.id != PJSIP_BYE_METHOD &&
           !same(method.name, prack);
}

// The name under which the transaction layer looks for a request's transaction.
std::string transactionKey(pjsip_rx_data *data, const pjsip_method *method)
{
    pj_str_t key;
    if (pjsip_tsx_create_key(data->tp_info.pool, &key, PJSIP_ROLE_UAS, method, data) != PJ_SUCCESS)
        return std::string();
    return std::string(key.ptr, key.slen);
}

// Whether a request is one of those that matter to a dialog alone, and of none that we have. It is asked
// about too: who sends it may be nobody who gets an answer.
bool isStray(pjsip_rx_data *data)
{
    const pjsip_method &method = data->msg_info.msg->line.req.method;
    if (method.id == PJSIP_ACK_METHOD) // nothing answers it
        return false;
    if (method.id == PJSIP_CANCEL_METHOD) {
        std::string key = transactionKey(data, pjsip_get_invite_method());
        pj_str_t name = view(key);
        return !pjsip_tsx_layer_find_tsx(&name, PJ_FALSE);
    }
    const pj_str_t &ours = data->msg_info.to->tag, &theirs = data->msg_info.from->tag;
    return !ours.slen || !pjsip_ua_find_dialog(&data->msg_info.cid->id, &ours, &theirs, PJ_FALSE);
}

// Whether a response answers a request of ours that waits; anybody can send one that does not.
bool isAwaited(pjsip_rx_data *data)
{
    pj_str_t key;
    return pjsip_tsx_create_key(data->tp_info.pool, &key, PJSIP_ROLE_UAC,
                                &data->msg_info.cseq->method, data) == PJ_SUCCESS &&
           pjsip_tsx_layer_find_tsx(&key, PJ_FALSE);
}

void describe(const pjsip_rx_data *data, FilteredMessage &message)
{
    char source[PJ_INET6_ADDRSTRLEN + 10];
    message.whole.assign(data->msg_info.msg_buf, data->msg_info.len);
    message.source = pj_sockaddr_print(&data->pkt_info.src_addr, source, sizeof(source), 3);
}

pjsip_msg_body *makeBody(pj_pool_t *pool, const std::string &text)
{
    const pj_str_t type = {const_cast<char *>("application"), 11};
    const pj_str_t subtype = {const_cast<char *>("sdp"), 3};
    pj_str_t content = view(text);
    return pjsip_msg_body_create(pool, &type, &subtype, &content);
}

// Let pjsip's upper layers see another body. `msg_buf`, which pjsua2 shows as `wholeMsg`, stays.
void replaceBody(pjsip_rx_data *data, const std::string &text)
{
    pj_pool_t *pool = data->tp_info.pool;
    pjsip_msg *message = data->msg_info.msg;
    while (pjsip_msg_find_remove_hdr(message, PJSIP_H_CONTENT_TYPE, NULL))
        ;
    while (pjsip_msg_find_remove_hdr(message, PJSIP_H_CONTENT_LENGTH, NULL))
        ;
    message->body = NULL;
    data->msg_info.ctype = NULL;
    data->msg_info.clen = pjsip_clen_hdr_create(pool);
    data->msg_info.clen->len = (int)text.size();
    pjsip_msg_add_hdr(message, (pjsip_hdr *)data->msg_info.clen);
    if (text.empty())
        return;
    message->body = makeBody(pool, text);
    data->msg_info.ctype = pjsip_ctype_hdr_create(pool);
    pjsip_media_type_cp(pool, &data->msg_info.ctype->media, &message->body->content_type);
    pjsip_msg_add_hdr(message, (pjsip_hdr *)data->msg_info.ctype);
}

bool sameDialog(const pjsip_rx_data *one, const pjsip_rx_data *other)
{
    return pj_strcmp(&one->msg_info.cid->id, &other->msg_info.cid->id) == 0 &&
           same(one->msg_info.from->tag, other->msg_info.from->tag) &&
           same(one->msg_info.to->tag, other->msg_info.to->tag);
}

// Leave out of a header of pjsip's, which goes with INVITE and OPTIONS and with their answers, what is
// not among `values`. There is no other way to take back what its modules have registered.
void announceOnly(pjsip_endpoint *endpoint, int type, const std::set<std::string_view> &values)
{
    auto header = (pjsip_generic_array_hdr *)pjsip_endpt_get_capability(endpoint, type, NULL);
    unsigned count = 0;
    for (unsigned i = 0; header && i < header->count; ++i)
        if (values.count(std::string_view(header->values[i].ptr, header->values[i].slen)))
            header->values[count++] = header->values[i];
    if (header)
        header->count = count;
}

FilteredMessage refusal(int code)
{
    FilteredMessage message;
    message.action = FILTER_ANSWER;
    message.code = code;
    return message;
}

} // namespace

MessageFilter::MessageFilter() PJSUA2_THROW(Error) : endpoint_(pjsua_get_pjsip_endpt())
{
    if (!endpoint_ || active)
        PJSUA2_RAISE_ERROR3(PJ_EINVALIDOP, "MessageFilter",
                            active ? "there is one already" : "libInit comes first");
    std::memset(&module_, 0, sizeof(module_));
    module_.name = pj_str(const_cast<char *>("mod-message-filter"));
    module_.id = -1;
    module_.priority = PJSIP_MOD_PRIORITY_TSX_LAYER - 1;
    module_.on_rx_request = &onRequest;
    module_.on_rx_response = &onResponse;
    module_.unload = &onUnload;
    std::memset(&behind_, 0, sizeof(behind_));
    behind_.name = pj_str(const_cast<char *>("mod-message-filter-behind"));
    behind_.id = -1;
    behind_.priority = PJSIP_MOD_PRIORITY_TSX_LAYER + 1;
    behind_.on_rx_request = &onRequestBehind;
    pj_timer_entry_init(&timer_, 0, this, &onTimer);
    pj_status_t status = pjsip_endpt_register_module(endpoint_, &module_);
    if (status == PJ_SUCCESS)
        status = pjsip_endpt_register_module(endpoint_, &behind_);
    if (status != PJ_SUCCESS)
        PJSUA2_RAISE_ERROR2(status, "MessageFilter");
    active = this;
    announceOnly(endpoint_, PJSIP_H_ALLOW, METHODS);
    announceOnly(endpoint_, PJSIP_H_SUPPORTED, EXTENSIONS);
    announceOnly(endpoint_, PJSIP_H_ACCEPT, TYPES);
    pjsip_tpmgr_set_drop_data_cb(pjsip_endpt_get_tpmgr(endpoint_), &onDropped);
}

MessageFilter::~MessageFilter()
{
    if (endpoint_) {
        pjsip_endpt_unregister_module(endpoint_, &behind_);
        pjsip_endpt_unregister_module(endpoint_, &module_); // which calls onUnload
    }
}

void MessageFilter::onMessage(FilteredMessage &)
{
}

void MessageFilter::onUnreadable(FilteredMessage &, int)
{
}

// The endpoint ends, or the filter: whatever is first. Requests still held get no answer: their
// dialogs have got BYE by now.
pj_status_t MessageFilter::onUnload()
{
    if (MessageFilter *self = active) {
        self->forgetAll();
        pjsip_tpmgr_set_drop_data_cb(pjsip_endpt_get_tpmgr(self->endpoint_), NULL);
        self->endpoint_ = NULL;
        active = NULL;
    }
    return PJ_SUCCESS;
}

void MessageFilter::forgetAll()
{
    while (!held_.empty())
        pjsip_rx_data_free_cloned(release(held_.begin()->first));
    if (ticking_)
        pjsip_endpt_cancel_timer(endpoint_, &timer_);
    ticking_ = false;
}

// -- what comes in: nothing is thrown into pjsip, which is C

void MessageFilter::ask(FilteredMessage &message)
{
    try {
        onMessage(message);
    } catch (const std::exception &error) {
        PJ_LOG(1, (THIS_FILE, "onMessage failed, the message passes: %s", error.what()));
        message.action = FILTER_PASS;
    }
}

pj_bool_t MessageFilter::onRequest(pjsip_rx_data *data)
{
    MessageFilter *self = active;
    const pjsip_method &method = data->msg_info.msg->line.req.method;
    if (!self)
        return PJ_FALSE;
    self->repeated_ = NULL;
    if (method.id == PJSIP_CANCEL_METHOD && self->cancel(data))
        return PJ_TRUE;
    if (method.id == PJSIP_BYE_METHOD)
        self->refuseHeldOf(data, PJSIP_SC_REQUEST_TERMINATED); // RFC 3261 section 15.1.2
    if (!matters(data) && !holdsBody(data) && !isStray(data))
        return PJ_FALSE;
    std::string key;
    FilteredMessage message;
    if (method.id != PJSIP_ACK_METHOD) {
        key = transactionKey(data, &method);
        pj_str_t name = view(key);
        pjsip_transaction *known = pjsip_tsx_layer_find_tsx(&name, PJ_FALSE);
        if (known && known->state < PJSIP_TSX_STATE_TERMINATED) {
            self->repeated_ = data; // a retransmission: the transaction repeats its answer
            return PJ_FALSE;
        }
        if (self->isHeld(key, data))
            return PJ_TRUE;
        message.token = self->lastToken_ = self->lastToken_ + 1 ? self->lastToken_ + 1 : 1;
    }
    describe(data, message);
    self->ask(message);
    return self->decide(data, message, key);
}

// What was taken for a retransmission ends at its transaction. The transaction layer may not agree,
// as with another method in CSeq than in the first line; unasked nothing passes to pjsip's users.
pj_bool_t MessageFilter::onRequestBehind(pjsip_rx_data *data)
{
    return active && active->repeated_ == data;
}

pj_bool_t MessageFilter::onResponse(pjsip_rx_data *data)
{
    if (data->msg_info.msg->line.status.code == 401 || data->msg_info.msg->line.status.code == 407)
        keepStrongest(data->msg_info.msg);
    if (!active || (!matters(data) && !holdsBody(data)) || !isAwaited(data))
        return PJ_FALSE;
    FilteredMessage message;
    describe(data, message);
    active->ask(message);
    return active->decide(data, message, std::string());
}

void MessageFilter::onDropped(pjsip_tp_dropped_data *dropped)
{
    // without a message: an empty line to keep a connection open, or a connection that timed out
    if (!active || !dropped->rdata || dropped->status == PJ_EIGNORED)
        return;
    FilteredMessage message;
    describe(dropped->rdata, message);
    message.whole.assign((const char *)dropped->data, dropped->len);
    try {
        active->onUnreadable(message, dropped->status);
    } catch (const std::exception &error) {
        PJ_LOG(1, (THIS_FILE, "onUnreadable failed: %s", error.what()));
        return;
    }
    if (message.action == FILTER_ANSWER)
        active->sendBack(dropped->rdata, message.body);
}

// Send a text as it stands to where data came from: by the same connection, or over UDP to the
// address and port that sent it.
void MessageFilter::sendBack(const pjsip_rx_data *data, const std::string &text)
{
    pjsip_transport *transport = data->tp_info.transport;
    pjsip_tpselector here;
    std::memset(&here, 0, sizeof(here));
    here.type = PJSIP_TPSELECTOR_TRANSPORT;
    here.u.transport = transport;
    pj_status_t status = pjsip_tpmgr_send_raw(
        pjsip_endpt_get_tpmgr(endpoint_), (pjsip_transport_type_e)transport->key.type, &here, NULL,
        text.data(), text.size(), &data->pkt_info.src_addr, data->pkt_info.src_addr_len, NULL, NULL);
    if (status != PJ_SUCCESS && status != PJ_EPENDING)
        PJ_PERROR(4, (THIS_FILE, status, "no answer to an unreadable message could be sent"));
}

// Do what has been said; return whether pjsip is to see no more of it.
bool MessageFilter::decide(pjsip_rx_data *data, FilteredMessage &message, const std::string &key)
{
    switch (message.action) {
    case FILTER_REPLACE:
        replaceBody(data, message.body);
        return false;
    case FILTER_DROP:
        return true;
    case FILTER_ANSWER:
        if (message.token)
            return respond(data, message);
        break;
    case FILTER_HOLD:
        if (message.token)
            return hold(data, message, key);
        break;
    default:
        return false;
    }
    PJ_LOG(1, (THIS_FILE, "a response or an ACK can be neither answered nor held: it passes"));
    return false;
}

// Answer by a transaction, which repeats the answer for each retransmission of the request; without
// one where the transaction layer refuses it, and to strangers: a transaction lives for 32 s, and who
// sends thousands of requests a second would have the memory for thousands of them.
bool MessageFilter::respond(pjsip_rx_data *data, const FilteredMessage &message)
{
    pj_pool_t *pool = data->tp_info.pool;
    pj_str_t reason = view(message.reason);
    pjsip_hdr headers;
    pj_list_init(&headers);
    for (const SipHeader &header : message.headers) {
        pj_str_t name = view(header.hName), value = view(header.hValue);
        pj_list_push_back(&headers, pjsip_generic_string_hdr_create(pool, &name, &value));
    }
    const pj_str_t *text = message.reason.empty() ? NULL : &reason;
    int code = message.code >= 200 && message.code < 700 ? message.code : 500;
    pj_status_t status = PJ_EINVALIDOP;
    if (!message.stateless)
        status = pjsip_endpt_respond(endpoint_, &module_, data, code, text, &headers, NULL, NULL);
    if (status != PJ_SUCCESS)
        status = pjsip_endpt_respond_stateless(endpoint_, data, code, text, &headers, NULL);
    if (status != PJ_SUCCESS)
        PJ_PERROR(3, (THIS_FILE, status, "no answer could be sent"));
    return true;
}

// -- held requests

bool MessageFilter::hold(pjsip_rx_data *data, const FilteredMessage &message,
                         const std::string &key)
{
    Held held;
    if (held_.size() >= MOST_HELD || pjsip_rx_data_clone(data, 0, &held.data) != PJ_SUCCESS)
        return respond(data, refusal(PJSIP_SC_INTERNAL_SERVER_ERROR));
    held.key = key;
    pj_gettickcount(&held.since);
    held_[message.token] = held;
    startTimer();
    return true; // a 100 only for a retransmission: the answer takes milliseconds
}

bool MessageFilter::isHeld(const std::string &key, pjsip_rx_data *data)
{
    for (const auto &entry : held_) {
        if (entry.second.key != key)
            continue;
        if (data->msg_info.msg->line.req.method.id == PJSIP_INVITE_METHOD)
            pjsip_endpt_respond_stateless(endpoint_, data, PJSIP_SC_TRYING, NULL, NULL, NULL);
        return true;
    }
    return false;
}

unsigned MessageFilter::heldCount() const
{
    return (unsigned)held_.size();
}

// Take a held request out; its clone is the caller's to free.
pjsip_rx_data *MessageFilter::release(unsigned token)
{
    auto entry = held_.find(token);
    if (entry == held_.end())
        return NULL;
    pjsip_rx_data *data = entry->second.data;
    held_.erase(entry);
    return data;
}

bool MessageFilter::resume(unsigned token, const std::string &body)
{
    pjsip_rx_data *data = release(token);
    if (!data)
        return false;
    replaceBody(data, body);
    pjsip_process_rdata_param from;
    pjsip_process_rdata_param_default(&from);
    from.start_mod = &module_;
    from.idx_after_start = 1; // the module behind ours
    repeated_ = NULL;
    from.silent = PJ_TRUE;
    pjsip_endpt_process_rx_data(endpoint_, data, &from, NULL);
    pjsip_rx_data_free_cloned(data);
    return true;
}

bool MessageFilter::answer(unsigned token, int code, const std::string &reason,
                           const SipHeaderVector &headers)
{
    pjsip_rx_data *data = release(token);
    if (!data)
        return false;
    FilteredMessage message = refusal(code);
    message.reason = reason;
    message.headers = headers;
    respond(data, message);
    pjsip_rx_data_free_cloned(data);
    return true;
}

// A CANCEL of a held INVITE, whose transaction pjsip does not know yet (RFC 3261 section 9.2).
bool MessageFilter::cancel(pjsip_rx_data *data)
{
    if (held_.empty())
        return false;
    std::string key = transactionKey(data, pjsip_get_invite_method());
    for (const auto &entry : held_) {
        if (entry.second.key != key ||
            entry.second.data->msg_info.msg->line.req.method.id != PJSIP_INVITE_METHOD)
            continue;
        respond(data, refusal(PJSIP_SC_OK));
        answer(entry.first, PJSIP_SC_REQUEST_TERMINATED);
        return true;
    }
    return false;
}

void MessageFilter::refuseHeldOf(pjsip_rx_data *data, int code)
{
    for (auto entry = held_.begin(); entry != held_.end();) {
        auto here = entry++;
        if (sameDialog(here->second.data, data))
            answer(here->first, code);
    }
}

// -- those that nobody has decided about in time

void MessageFilter::startTimer()
{
    if (!ticking_)
        ticking_ = pjsip_endpt_schedule_timer(endpoint_, &timer_, &TICK) == PJ_SUCCESS;
}

void MessageFilter::onTimer(pj_timer_heap_t *, pj_timer_entry *entry)
{
    static_cast<MessageFilter *>(entry->user_data)->expire();
}

void MessageFilter::expire()
{
    pj_time_val now;
    pj_gettickcount(&now);
    ticking_ = false;
    for (auto entry = held_.begin(); entry != held_.end();) {
        auto here = entry++;
        if (now.sec - here->second.since.sec >= HELD_SECONDS)
            answer(here->first, PJSIP_SC_INTERNAL_SERVER_ERROR);
    }
    if (!held_.empty())
        startTimer();
}

} // namespace pj
