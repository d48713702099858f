// Which of several digest challenges the engine answers.
//
// A server that knows more than one hash asks once for each (RFC 8760). pjsip answers all that it
// knows and keeps the last, so that a server which lists the best first, as it should, gets MD5.

#ifndef GATEWAY_CHALLENGES_HPP
#define GATEWAY_CHALLENGES_HPP

#include <pjsip.h>

namespace pj {

// Take the weaker challenges out of a 401 or 407: of each realm the strongest that pjsip can answer
// stays, of equally strong ones the first. What it cannot answer goes where it can answer another.
void keepStrongest(pjsip_msg *message);

} // namespace pj

#endif
