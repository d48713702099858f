#include "challenges.hpp"

#include <string>

#include <pjlib.h>

namespace pj {
namespace {

pjsip_www_authenticate_hdr *asChallenge(pjsip_hdr *header)
{
    bool is = header->type == PJSIP_H_WWW_AUTHENTICATE || header->type == PJSIP_H_PROXY_AUTHENTICATE;
    return is ? (pjsip_www_authenticate_hdr *)header : NULL;
}

bool isDigest(const pjsip_www_authenticate_hdr *challenge)
{
    const pj_str_t digest = {const_cast<char *>("Digest"), 6};
    return pj_stricmp(&challenge->scheme, &digest) == 0;
}

// Whether pjsip takes one of the qualities of protection: none, or "auth" as a word of a list.
bool offersAuth(const pj_str_t &qop)
{
    std::string text(qop.ptr, qop.slen);
    for (char &each : text)
        each = (char)pj_tolower(each);
    for (size_t at = text.find("auth"); at != text.npos; at = text.find("auth", at + 4))
        if (at + 4 == text.size() || text[at + 4] == '"' || text[at + 4] == ',')
            return true;
    return text.empty();
}

// How strong a challenge is; 0 for one that pjsip cannot answer with a password.
int strengthOf(const pjsip_www_authenticate_hdr *challenge)
{
    const pjsip_digest_challenge &digest = challenge->challenge.digest;
    const pjsip_auth_algorithm *algorithm = pjsip_auth_get_algorithm_by_iana_name(&digest.algorithm);
    if (!algorithm || !offersAuth(digest.qop) ||
        !pjsip_auth_is_algorithm_supported(algorithm->algorithm_type))
        return 0;
    switch (algorithm->algorithm_type) {
    case PJSIP_AUTH_ALGORITHM_MD5:
        return 1;
    case PJSIP_AUTH_ALGORITHM_SHA256:
        return 2;
    case PJSIP_AUTH_ALGORITHM_SHA512_256:
        return 3;
    default:
        return 0; // AKA: there is no password
    }
}

} // namespace

void keepStrongest(pjsip_msg *message)
{
    for (pjsip_hdr *one = message->hdr.next; one != &message->hdr; one = one->next) {
        pjsip_www_authenticate_hdr *best = asChallenge(one);
        if (!best || !isDigest(best))
            continue;
        // `one` goes over all: whichever of a realm is the first to be met decides about the others
        for (pjsip_hdr *next, *other = one->next; other != &message->hdr; other = next) {
            next = other->next;
            pjsip_www_authenticate_hdr *rival = asChallenge(other);
            if (!rival || other->type != one->type || !isDigest(rival) ||
                pj_stricmp(&rival->challenge.common.realm, &best->challenge.common.realm) != 0)
                continue;
            if (strengthOf(rival) > strengthOf(best)) {
                pj_list_erase(other); // it takes the weaker one's place
                pj_list_insert_before(one, other);
                pj_list_erase(one);
                one = other;
                best = rival;
            } else {
                pj_list_erase(other);
            }
        }
    }
}

} // namespace pj
