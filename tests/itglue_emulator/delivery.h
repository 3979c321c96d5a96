/* How an answer reaches the wire: whole, torn, in drops, or not at all. */
#ifndef ITGLUE_EMULATOR_DELIVERY_H
#define ITGLUE_EMULATOR_DELIVERY_H

#include "answer.h"
#include "delay.h"

/* Takes the answer's body. */
enum MHD_Result delivery_send(struct delay *delay, struct MHD_Connection *connection,
                              struct answer *answer);

#endif
