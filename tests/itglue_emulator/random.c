#include "random.h"

uint64_t random_next(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct random random_stream(uint64_t seed, uint64_t stream)
{
    struct random mixed = {seed * UINT64_C(0x2545f4914f6cdd1d) + stream};
    return (struct random){random_next(&mixed)};
}

size_t random_below(struct random *random, size_t bound)
{
    return (size_t)(random_next(random) % bound);
}

int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    return low + (int64_t)(random_next(random) % (uint64_t)(high - low + 1));
}

bool random_chance(struct random *random, unsigned percent)
{
    return random_next(random) % 100 < percent;
}

size_t random_skewed(struct random *random, size_t bound)
{
    double part = (double)(random_next(random) >> 11) / 9007199254740992.0;
    return (size_t)(part * part * (double)bound);
}
