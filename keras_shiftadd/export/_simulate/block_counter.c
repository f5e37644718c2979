/* Counts how often an emulator runs each block of instructions; a callback of Unicorn's block hook.
 * In C, as it is called for every few instructions. */
#include <stdint.h>

/* A table of blocks with open addressing, and a count for each block and stage. */
typedef struct {
    uint64_t *keys;     /* mask + 1: address of a block and its size, 0 where there is none */
    uint64_t *counts;   /* (mask + 1) * stage_count */
    int32_t *begins;    /* mask + 1: the stage that begins with the block, or -1 */
    const uint64_t *stages; /* stage_count: the address that each begins at; the first is not used */
    uint32_t stage_count;
    uint32_t mask;
    uint32_t stage; /* that runs */
    uint32_t used;
    uint64_t lost; /* runs of blocks that the table had no room for */
} block_counter;

void count_block(void *emulator, uint64_t address, uint32_t size, void *data)
{
    block_counter *counter = data;
    const uint64_t key = address << 16 | (size & 0xffff);
    uint32_t at = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 40) & counter->mask;
    (void)emulator;
    while (counter->keys[at] != key) {
        if (counter->keys[at] == 0) {
            if (counter->used > counter->mask / 2) {
                counter->lost++;
                return;
            }
            counter->used++;
            counter->keys[at] = key;
            counter->begins[at] = -1;
            for (uint32_t i = 1; i < counter->stage_count; i++) {
                if (counter->stages[i] == address)
                    counter->begins[at] = (int32_t)i;
            }
            break;
        }
        at = (at + 1) & counter->mask;
    }
    if (counter->begins[at] >= 0)
        counter->stage = (uint32_t)counter->begins[at];
    counter->counts[(uint64_t)at * counter->stage_count + counter->stage]++;
}
