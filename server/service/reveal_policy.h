// What the files of RevealPolicyService share.
#pragma once

#include "server/service/method.h"

// Of reveal_freeze.c: who is frozen, and the end of it.
unary_handler reveal_list_freezes_handler;
unary_handler reveal_unfreeze_handler;
