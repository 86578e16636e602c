/* Stacks as a prefix tree of integers, and what was counted at its nodes. Nothing here allocates after init. */
#ifndef KIBITZ_TRIE_H
#define KIBITZ_TRIE_H

#include <stdbool.h>
#include <stdint.h>

#define KB_NO_NODE UINT32_MAX

typedef struct {
    uint32_t parent, code;
    int32_t offset; /* bytes from the function's first instruction */
} kb_node;

typedef struct {
    uint32_t node, thread;
    uint32_t state; /* what the thread was seen doing: see threads.h */
    uint32_t count;
    uint64_t wall_ns, cpu_ns;
    uint32_t tags; /* a number that the Python side understands */
    uint32_t unused;
} kb_sample;

typedef struct {
    kb_node *nodes;
    uint32_t node_count, node_capacity, *node_slots, node_mask;
    kb_sample *samples;
    uint32_t sample_count, sample_capacity, *sample_slots, sample_mask;
    uint64_t dropped; /* samples that found the tree full */
} kb_trie;

bool kb_trie_init(kb_trie *trie, uint32_t node_capacity, uint32_t sample_capacity);
void kb_trie_free(kb_trie *trie);
uint32_t kb_trie_node(kb_trie *trie, uint32_t parent, uint32_t code, int32_t offset);
kb_sample *kb_trie_sample(kb_trie *trie, uint32_t node, uint32_t thread, uint32_t state, uint32_t tags);
void kb_trie_clear_samples(kb_trie *trie);
void kb_trie_clear(kb_trie *trie);

#endif
