// A schedule as the database has it, made ready to be judged.
#pragma once

#include "server/store/sync_connection.h"
#include "server/store/sync_schedule.h"
#include "server/sync/schedule.h"

// With what is on by default filled in.
void timetable_read(const struct sync_schedule *row, const struct sync_connection *connection,
                    struct schedule *ret_schedule);
