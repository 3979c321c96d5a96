#include "server/service/documentation_kind.h"

#include <inttypes.h>

#include "server/source/source.h"

static const struct {
    Docbridge__V1__DocumentationKind kind;
    int stored;
    const char *collection;
} kinds[] = {
    {DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_DOCUMENT, SOURCE_DOCUMENTS, "documents"},
    {DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_FLEXIBLE_ASSET, SOURCE_FLEXIBLE_ASSETS,
     "flexibleAssets"},
    {DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_CHECKLIST, SOURCE_CHECKLISTS,
     "checklists"},
    {DOCBRIDGE__V1__DOCUMENTATION_KIND__DOCUMENTATION_KIND_CHECKLIST_TEMPLATE,
     SOURCE_CHECKLIST_TEMPLATES, "checklistTemplates"},
};

int documentation_kind_stored(Docbridge__V1__DocumentationKind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].stored;
    return 0;
}

char *documentation_kind_name(struct arena *arena, int64_t stored, const char *connection_id,
                              const char *company_id, int64_t id,
                              Docbridge__V1__DocumentationKind *ret_kind)
{
    bool template = stored == SOURCE_CHECKLIST_TEMPLATES;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (kinds[i].stored != stored)
            continue;
        *ret_kind = kinds[i].kind;
        return arena_printf(arena, "%s/%s/%s/%" PRId64, template ? "connections" : "companies",
                            template ? connection_id : company_id, kinds[i].collection, id);
    }
    return NULL;
}
