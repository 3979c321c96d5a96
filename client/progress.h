// What is known of a run while it is watched, and how it looks: as lines, or as a picture.
//
// Only turns events into text; watch.c decides where it goes.
#pragma once

#include <stdint.h>

#include "docbridge/v1/sync.pb-c.h"
#include "server/base/buffer.h"

enum { PROGRESS_TASKS_MAX = 8, PROGRESS_NAME_BYTES = 192 };

struct progress_task {
    Docbridge__V1__SyncTaskKind kind;
    Docbridge__V1__SyncTask__State state;
    int64_t done, total, failed;
    int64_t first_done; // when it was first seen running
    int64_t first_ms;
    int64_t latest_ms;
    char reason[64];
};

struct progress {
    char name[PROGRESS_NAME_BYTES];
    Docbridge__V1__SyncRun__State state;
    struct progress_task tasks[PROGRESS_TASKS_MAX];
    size_t task_count;
    int64_t requests;    // of the run
    int64_t used, limit; // of the window
    int64_t windows;     // that the run takes, as far as is known; 0: not told
    int64_t resume_us;   // when waiting work goes on; 0: nothing waits
    int64_t foreign;     // requests that others made with the key; 0: none known
    int64_t issues;
    int64_t start_us; // of the run; 0: not known
    int64_t end_us;
    bool finished;
};

void progress_init(struct progress *progress, const char *name);
// Takes an event in. `now_ms` is of the steady clock.
void progress_apply(struct progress *progress, const Docbridge__V1__WatchSyncRunResponse *event,
                    int64_t now_ms);
// Appends one line about an event, closed by a newline; nothing for a heartbeat.
void progress_line(struct buffer *buffer, const Docbridge__V1__WatchSyncRunResponse *event);

struct progress_view {
    int columns; // of the terminal
    bool color;
    int64_t now_us;   // of the wall clock
    int64_t now_ms;   // of the steady clock
    const char *note; // such as that the stream is being resumed; NULL: none
};
// Appends the picture, each line closed by a newline and within the columns. Returns its lines.
int progress_draw(struct buffer *buffer, const struct progress *progress,
                  const struct progress_view *view);
