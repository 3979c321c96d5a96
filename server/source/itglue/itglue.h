// IT Glue as a source: see server/source/source.h for what each call does.
//
// itglue.c puts query, transport, parser and status table together; it decides nothing else.
#pragma once

#include "server/source/source.h"

struct itglue;

enum err_code itglue_open(const struct source_settings *settings,
                          const struct source_region_info *region, const struct secret *key,
                          struct itglue **ret_itglue, struct err *reterr) _must_check_;
struct itglue *itglue_close(struct itglue *itglue);
// Sends another key from now on (shared), NULL: has none until then.
void itglue_set_key(struct itglue *itglue, const struct secret *key);
// Its key, borrowed.
const struct secret *itglue_key(const struct itglue *itglue);

enum err_code itglue_fetch_page(struct itglue *itglue, const struct source_query *query,
                                const struct source_sink *sink, struct deadline deadline,
                                const atomic_bool *cancelled, struct source_page *ret_page,
                                struct source_attempt *ret_attempt,
                                struct err *reterr) _must_check_;
enum err_code itglue_fetch_password(struct itglue *itglue, int64_t password_id,
                                    const char *user_email, struct deadline deadline,
                                    const atomic_bool *cancelled,
                                    struct source_password *ret_password,
                                    struct source_attempt *ret_attempt,
                                    struct err *reterr) _must_check_;
enum err_code itglue_fetch_image(struct itglue *itglue, int64_t image_id, struct deadline deadline,
                                 const atomic_bool *cancelled, struct source_image *ret_image,
                                 struct source_attempt *ret_attempt,
                                 struct err *reterr) _must_check_;
enum err_code itglue_probe(struct itglue *itglue, struct deadline deadline,
                           const atomic_bool *cancelled, int64_t *ret_organization_count,
                           struct source_attempt *ret_attempt, struct err *reterr) _must_check_;
