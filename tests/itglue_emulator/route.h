/* From a path to the resource it means, with the vintage's and the switches' refusals. */
#ifndef ITGLUE_EMULATOR_ROUTE_H
#define ITGLUE_EMULATOR_ROUTE_H

#include "call.h"

/* Fills call->answer in every case. */
void route_answer(struct call *call);

#endif
