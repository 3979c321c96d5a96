#include "client/candidate.h"

#include "client/prompt.h"

int candidate_fill(struct session *session, Docbridge__V1__Region region,
                   Docbridge__V1__ConnectionCandidate *candidate, struct secret **ret_key)
{
    const struct arguments *arguments = session->arguments;
    bool named = parse_has(arguments, "region"), uri = parse_has(arguments, "region-uri");
    int provider = parse_enum(arguments, "provider");
    if (provider == DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU) {
        // Nothing is asked for; what was given all the same is the server's to refuse.
        candidate->provider = DOCBRIDGE__V1__PROVIDER__PROVIDER_HUDU;
        candidate->region = (Docbridge__V1__Region)parse_enum(arguments, "region");
        if (uri)
            candidate->region_uri = (char *)(uintptr_t)parse_text(arguments, "region-uri");
        return parse_has(arguments, "api-key-file")
                   ? session_usage(session, "Hudu is recorded without a key")
                   : EXIT_OK;
    }
    if ((named && uri) || (!named && !uri && region == 0))
        return session_usage(session, "give one of --region and --region-uri");
    int class = prompt_api_key(session, ret_key);
    if (class != EXIT_OK)
        return class;
    candidate->provider = provider == 0 ? DOCBRIDGE__V1__PROVIDER__PROVIDER_IT_GLUE
                                        : (Docbridge__V1__Provider)provider;
    candidate->region = named  ? (Docbridge__V1__Region)parse_enum(arguments, "region")
                        : !uri ? region
                               : DOCBRIDGE__V1__REGION__REGION_UNSPECIFIED;
    // Strings of a message are not const, though they are only read.
    if (uri)
        candidate->region_uri = (char *)(uintptr_t)parse_text(arguments, "region-uri");
    candidate->api_key = (char *)(uintptr_t)secret_bytes(*ret_key);
    return EXIT_OK;
}
