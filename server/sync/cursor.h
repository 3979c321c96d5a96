// Cursors: what of a list is stored already, so that a quick run asks for later changes only.
//
// A cursor is a time of upstream's clock: the latest change on the first page of a pass. Whatever
// changed before it was read with that page or a later one. It moves when the pass, one walk or
// several, is complete, and stands for the organizations that were walked.
#pragma once

#include "server/sync/walk.h"

// Upstream's count of a list when it was last read; -1: not known.
struct cursor_point {
    int64_t since_us, total_count;
};
// From which change on the task must read a list again; 0: all of it, because the run is a full
// one, something is new, or upstream does not keep to the order it is asked for. `basis` is what
// the rows are read by; another one makes all of them new.
enum err_code cursor_since(struct task *task, enum source_kind kind, int64_t type_id,
                           const char *basis, struct cursor_point *ret_point,
                           struct err *reterr) _must_check_;
// Whether upstream keeps to what a list is asked for, as far as is known; and the note that it does
// not, where that costs nothing but requests: without an issue, for a week.
enum err_code cursor_trusts(struct task *task, enum source_kind kind, int64_t type_id,
                            bool *ret_trusted, struct err *reterr) _must_check_;
enum err_code cursor_avoid(struct task *task, enum source_kind kind, int64_t type_id,
                           struct err *reterr) _must_check_;
// When upstream was last seen to keep to an order of a list that it does not document, and has not
// been seen to break it in the week before now; 0: never. `ret_trusted` as of cursor_trusts.
enum err_code cursor_order(struct task *task, enum source_kind kind, int64_t *ret_order_time_us,
                           bool *ret_trusted, struct err *reterr) _must_check_;
// Notes that it was seen to keep to it now.
enum err_code cursor_prove_order(struct task *task, enum source_kind kind,
                                 struct err *reterr) _must_check_;
// Moves the cursor to where the pass that has ended reaches, unless it missed something. Does no
// harm when done twice.
enum err_code cursor_advance(struct task *task, const struct walk *walk,
                             struct err *reterr) _must_check_;
// Notes, with an issue, that upstream ignores the order it was asked for: the list is read whole
// from now on, and the order is tried again after a week.
enum err_code cursor_distrust(struct task *task, const struct walk *walk,
                              struct err *reterr) _must_check_;
// Notes of which organizations the folders were asked for: where upstream gives none, quick runs do
// not ask again.
enum err_code cursor_note_asked(struct task *task, enum source_kind folder_kind, const int64_t *ids,
                                size_t count, struct err *reterr) _must_check_;
