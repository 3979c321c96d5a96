#include "server/sync/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "server/base/encoding.h"

// The members in the order of the text, all as int64.
static const char *const words[] = {"plan",     "stage", "key",    "filter",  "offset", "size",
                                    "total",    "rows",  "again",  "confirm", "blind",  "unsure",
                                    "complete", "since", "newest", "folder",  "doubt"};
enum { WORDS = sizeof(words) / sizeof(words[0]), FLAGS_FROM = 8, FLAGS_TO = 13 };

void checkpoint_text(const struct checkpoint *checkpoint, char ret_text[CHECKPOINT_BYTES])
{
    int len = snprintf(
        ret_text, CHECKPOINT_BYTES,
        "plan=%d stage=%d key=%" PRId64 " filter=%d offset=%" PRId64 " size=%d total=%" PRId64
        " rows=%" PRId64 " again=%d confirm=%d blind=%d unsure=%d complete=%d since=%" PRId64
        " newest=%" PRId64,
        (int)checkpoint->mode, checkpoint->stage, checkpoint->key, checkpoint->filter,
        checkpoint->offset, checkpoint->page_size, checkpoint->total, checkpoint->rows,
        checkpoint->again, checkpoint->confirm, checkpoint->blind, checkpoint->unsure,
        checkpoint->complete, checkpoint->since_us, checkpoint->newest_us);
    // Only where they say something, so that other versions can read what says nothing.
    if (checkpoint->folder != 0 || checkpoint->doubt)
        (void)snprintf(ret_text + len, CHECKPOINT_BYTES - (size_t)len,
                       " folder=%" PRId64 " doubt=%d", checkpoint->folder, checkpoint->doubt);
}

bool checkpoint_parse(const char *text, struct checkpoint *ret_checkpoint)
{
    int64_t values[WORDS] = {0};
    // The last four may be missing.
    for (int i = 0; i < WORDS && (i < FLAGS_TO || *text != '\0'); i++) {
        size_t len = strlen(words[i]);
        if (strncmp(text, words[i], len) != 0 || text[len] != '=')
            return false;
        text += len + 1;
        len = strcspn(text, " ");
        if (!encoding_int64(text, len, &values[i]))
            return false;
        text += len;
        if (*text == ' ' && i < WORDS - 1 && *++text == '\0')
            return false;
    }
    if (*text != '\0' || values[0] < PLAN_UNDECIDED || values[0] > PLAN_ORGANIZATIONS ||
        values[1] < 0 || values[1] > 1 || values[3] < 0 || values[3] > SOURCE_FOLDER_ID ||
        values[4] < 0 || values[5] < 1 || values[5] > 1000 || values[4] % values[5] != 0 ||
        values[6] < -1 || values[7] < 0 || values[13] < 0 || values[14] < CHECKPOINT_SPOILED ||
        values[15] < 0 || values[16] < 0 || values[16] > 1)
        return false;
    for (int i = FLAGS_FROM; i < FLAGS_TO; i++)
        if (values[i] < 0 || values[i] > 1)
            return false;
    *ret_checkpoint = (struct checkpoint){
        .mode = (enum plan_mode)values[0],
        .stage = (int)values[1],
        .key = values[2],
        .filter = (int)values[3],
        .folder = values[15],
        .offset = values[4],
        .page_size = (int)values[5],
        .total = values[6],
        .rows = values[7],
        .again = values[8] == 1,
        .confirm = values[9] == 1,
        .blind = values[10] == 1,
        .unsure = values[11] == 1,
        .complete = values[12] == 1,
        .doubt = values[16] == 1,
        .since_us = values[13],
        .newest_us = values[14],
    };
    return true;
}

int checkpoint_smaller(int page_size)
{
    for (int divisor = 2; divisor <= page_size; divisor++)
        if (page_size % divisor == 0)
            return page_size / divisor;
    return 1;
}

int checkpoint_larger(int page_size, int most, int64_t offset)
{
    int larger = most;
    while (larger > page_size && checkpoint_smaller(larger) > page_size)
        larger = checkpoint_smaller(larger);
    bool fits = larger > page_size && larger % page_size == 0 && offset % larger == 0;
    return fits ? larger : page_size;
}
