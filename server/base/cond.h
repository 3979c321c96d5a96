// Conditions that wait by the steady clock.
#pragma once

#include <pthread.h>
#include <stdint.h>

void cond_init_steady(pthread_cond_t *cond);
// Waits so many milliseconds at most, on a condition that cond_init_steady() made.
void cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);
