// What the files of DocumentationService share.
#pragma once

#include "docbridge/v1/documentation.pb-c.h"
#include "docbridge/v1/sync.pb-c.h"
#include "server/service/method.h"
#include "server/service/reading.h"
#include "server/store/documentation.h"

// As HANDLER, for a table in another file.
#define PUBLIC_HANDLER(function, In, Out)                                                 \
    static enum err_code function(struct request *request, const Docbridge__V1__##In *in, \
                                  Docbridge__V1__##Out *out, struct err *reterr);         \
    enum err_code function##_handler(struct request *request, const void *in, void *out,  \
                                     struct err *reterr)                                  \
    {                                                                                     \
        return function(request, in, out, reterr);                                        \
    }

// Of documentation_list.c.
unary_handler list_documents_handler;
unary_handler list_flexible_assets_handler;
unary_handler list_checklists_handler;
// Of document.c.
unary_handler get_document_handler;
extern const struct stream_handler read_document_body;
// Of document_image.c.
extern const struct stream_handler get_document_image;
// Of flexible_asset.c.
unary_handler get_flexible_asset_handler;
// Of checklist.c.
unary_handler get_checklist_handler;
unary_handler list_checklist_templates_handler;
unary_handler get_checklist_template_handler;

// Of embedded_secret.c.
unary_handler list_embedded_secrets_handler;

// Whether the company's readers see documentation of this kind at all.
bool documentation_switched_on(const struct sight *sight, int task_kind);
// "2026-09-15", or a time that begins so, as a Date; NULL if it is neither, or without memory.
Google__Type__Date *documentation_date(struct arena *arena, const char *text);

// A record of a company, as the store has it.
struct documentation_kind {
    const char *pattern; // of its name, such as "companies/{company}/documents/{record}"
    int task_kind;
    enum err_code (*get)(struct tx *tx, const struct documentation_key *key, struct arena *arena,
                         struct rows *ret_rows, struct documentation_row *ret_row,
                         struct err *reterr);
};
struct documentation_reading {
    const char *company_id;
    const char *parent;
    struct sight sight;
    struct documentation_row row; // its content is borrowed from `rows`
    struct rows rows;
    Docbridge__V1__Freshness *freshness;
};
// Reads the record of that name. Hidden and absent are the same RESOURCE_NOT_FOUND.
enum err_code documentation_open(struct request *request, const char *name,
                                 const struct documentation_kind *kind,
                                 struct documentation_reading *reading,
                                 struct err *reterr) _must_check_;
void documentation_done(struct documentation_reading *reading);

// What GetDocument reads.
extern const struct documentation_kind documentation_documents;
// What the names of a document's images begin with; NULL for want of memory.
const char *documentation_image_prefix(struct arena *arena,
                                       const struct documentation_reading *reading);
// Whether the document's content, made safe, shows that image.
enum err_code documentation_shows_image(const struct documentation_reading *reading,
                                        const char *image_prefix, int64_t image_id, bool *ret_shown,
                                        struct err *reterr) _must_check_;

// What lists and single records show alike.
enum err_code documentation_fill_document(struct arena *arena, const char *parent,
                                          const struct documentation_row *row,
                                          Docbridge__V1__Document *document,
                                          struct err *reterr) _must_check_;
enum err_code documentation_fill_asset(struct arena *arena, const char *parent,
                                       const char *connection_id,
                                       const struct documentation_row *row,
                                       Docbridge__V1__FlexibleAsset *asset,
                                       struct err *reterr) _must_check_;
enum err_code documentation_fill_checklist(struct arena *arena, const char *parent,
                                           const char *connection_id,
                                           const struct documentation_row *row,
                                           Docbridge__V1__Checklist *checklist,
                                           struct err *reterr) _must_check_;
