// WatchCompanyChanges, whose file is its own.
#pragma once

#include "server/service/method.h"

extern const struct stream_handler changes_watch_handler;
