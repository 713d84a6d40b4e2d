/* Counts the edges of code built with -fsanitize-coverage=trace-pc, for tests/fuzz/instrumented.py. */
#include <stdint.h>
#include <string.h>

#define SIZE (1 << 16)

static uint8_t now[SIZE], seen[SIZE];
static uintptr_t previous;

/* Called by every basic block: where it is and where it was come from make an edge. */
void __sanitizer_cov_trace_pc(void)
{
    uintptr_t here = (uintptr_t)__builtin_return_address(0) * 0x9E3779B97F4A7C15u >> 48;
    now[(here ^ previous) & (SIZE - 1)] = 1;
    previous = here >> 1;
}

/* Whether an edge was taken since the last call that never was before. */
int vivace_fuzz_new_edges(void)
{
    int found = 0;
    for (int at = 0; at < SIZE; at++) {
        found |= now[at] & ~seen[at];
        seen[at] |= now[at];
    }
    memset(now, 0, SIZE);
    return found;
}
