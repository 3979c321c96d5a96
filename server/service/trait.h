// The values of a flexible asset's fields, from JSON as upstream has it to the contract.
#pragma once

#include "docbridge/v1/documentation.pb-c.h"
#include "server/service/content.h"
#include "server/store/documentation.h"

// Fills the value of a trait whose kind and name are set. `stored` is NULL for a field without a
// value. A value of another shape than its kind has becomes `unrecognized_json`; of a Password
// field, and of one whose tags are of the kind `tag_type` that is passwords, nothing but references
// ever. Tags are tags whatever the kind is. `parent` is the company's name.
enum err_code trait_fill(struct content *content, const char *parent, const char *tag_type,
                         const struct documentation_trait *stored, Docbridge__V1__Trait *trait,
                         struct err *reterr) _must_check_;
