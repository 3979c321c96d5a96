// The embedded contract, opened, and its rules as text: what the golden files are held against.
#pragma once

#include "server/base/buffer.h"
#include "server/rpc/contract.h"

// The embedded contract; NULL and `reterr` if it cannot be opened. Freed by contract_free().
struct contract *tables_contract(struct err *reterr);

// Calls `visit` for each message of package docbridge.v1, nested ones too, with its name without
// the package. Stops at an error.
typedef enum err_code tables_visit(void *context, const char *name, const contract_message *message,
                                   struct err *reterr);
enum err_code tables_each_message(const struct contract *contract, tables_visit *visit,
                                  void *context, struct err *reterr) _must_check_;

// rpc_policy_print() of the embedded contract.
enum err_code tables_policy(struct buffer *out, struct err *reterr) _must_check_;
// One line a method or a field whose limits differ from the defaults.
enum err_code tables_limits(struct buffer *out, struct err *reterr) _must_check_;
// One line a method that is not NO_SIDE_EFFECTS: Service.Method.
enum err_code tables_side_effects(struct buffer *out, struct err *reterr) _must_check_;

enum { TABLES_MAX_BYTES = 256 * 1024 };
// Reads a file of test data, by its path from the root of the repository. Fails the program if it
// cannot.
void tables_read(const char *path, struct buffer *out);
