// A look at SIP messages before pjsip judges them.
//
// pjsip parses a session description, and answers many requests, before any callback of pjsua2: one
// odd line ends a call. This module stands between the transport layer, which has split a message
// into headers and body, and the transaction layer. It judges nothing: it asks `onMessage`, which
// Python overrides, and does what that says. Compiled into the engine beside pjsua2, as `pj` class.
//
// All of it, callbacks included, belongs to the one thread that polls the endpoint.

#ifndef GATEWAY_MESSAGE_FILTER_HPP
#define GATEWAY_MESSAGE_FILTER_HPP

#include <map>
#include <string>

#include <pjsip.h>
#include <pjsua2/siptypes.hpp>

namespace pj {

// What becomes of a message. A response and an ACK cannot be answered, hence not be held either.
enum FilterAction {
    FILTER_PASS = 0,    // goes on as it came
    FILTER_REPLACE = 1, // goes on with another body, of application/sdp; none if it is empty
    FILTER_ANSWER = 2,  // is answered here, and unless `stateless` so are its retransmissions
    FILTER_HOLD = 3,    // is kept until resume() or answer()
    FILTER_DROP = 4     // has never come
};

// A message that came, and what is to become of it. Valid within the callback only.
struct FilteredMessage {
    std::string whole;  // as it came, headers and body
    std::string source; // "host:port"
    unsigned token = 0; // names the request once it is held; 0 if it cannot be

    int action = FILTER_PASS;
    int code = 0;            // of the answer, 200 to 699
    std::string reason;      // of the answer; empty for the usual one
    SipHeaderVector headers; // of the answer, besides those that every answer has
    bool stateless = false;  // a repetition of the request is asked about like the first one
    std::string body;        // in place of the one that came
};

// Create one after Endpoint::libInit. It takes its place until it is deleted or until libDestroy,
// whichever is first; after that its methods return false. From then on pjsip announces only what the
// gateway does (Allow, Supported, Accept).
class MessageFilter {
  public:
    MessageFilter() PJSUA2_THROW(Error);
    virtual ~MessageFilter();

    // Called for each response to INVITE and OPTIONS, and for any with a body, that a request of ours
    // waits for; and for each request, for ACK, BYE and PRACK only with a body or without a
    // dialog (but for ACK), and for no retransmission of a request. What it raises is logged, and the
    // message passes. Of several digest challenges it sees all, and pjsip the strongest of each realm.
    virtual void onMessage(FilteredMessage &message);

    // Called for what is no SIP message to pjsip, which drops it without an answer: a syntax error
    // in its first line, a mandatory header that is missing or cannot be parsed, an impossible
    // length or status. `status` is pjsip's reason. With FILTER_ANSWER, `body` is the text of a
    // whole response, which is sent as it stands to where the message came from.
    virtual void onUnreadable(FilteredMessage &message, int status);

    // Give a held request on, with this body (application/sdp; none if it is empty). False if it is
    // not held any more: it has been canceled, its dialog has got BYE, or it has timed out; the
    // peer has its answer then.
    bool resume(unsigned token, const std::string &body);

    // Answer a held request. False as with resume().
    bool answer(unsigned token, int code, const std::string &reason = "",
                const SipHeaderVector &headers = SipHeaderVector());

    // How many requests are held.
    unsigned heldCount() const;

  private:
    struct Held {
        pjsip_rx_data *data; // a clone: its own pool, and a reference to its transport
        std::string key;     // of the transaction that it will make
        pj_time_val since;
    };

    MessageFilter(const MessageFilter &) = delete;
    MessageFilter &operator=(const MessageFilter &) = delete;

    static pj_bool_t onRequest(pjsip_rx_data *data);
    static pj_bool_t onRequestBehind(pjsip_rx_data *data);
    static pj_bool_t onResponse(pjsip_rx_data *data);
    static void onDropped(pjsip_tp_dropped_data *dropped);
    static void onTimer(pj_timer_heap_t *heap, pj_timer_entry *entry);
    static pj_status_t onUnload();

    void ask(FilteredMessage &message);
    bool decide(pjsip_rx_data *data, FilteredMessage &message, const std::string &key);
    bool hold(pjsip_rx_data *data, const FilteredMessage &message, const std::string &key);
    bool respond(pjsip_rx_data *data, const FilteredMessage &message);
    void sendBack(const pjsip_rx_data *data, const std::string &text);
    bool cancel(pjsip_rx_data *data);
    void refuseHeldOf(pjsip_rx_data *data, int code);
    bool isHeld(const std::string &key, pjsip_rx_data *data);
    pjsip_rx_data *release(unsigned token);
    void expire();
    void startTimer();
    void forgetAll();

    pjsip_module module_;
    pjsip_module behind_; // the transaction layer
    pjsip_rx_data *repeated_ = NULL;
    pjsip_endpoint *endpoint_;
    pj_timer_entry timer_;
    bool ticking_ = false;
    unsigned lastToken_ = 0;
    std::map<unsigned, Held> held_;
};

} // namespace pj

#endif
