#include "trie.h"

#include <stdlib.h>
#include <string.h>

static uint32_t mix(uint64_t a, uint64_t b) {
    uint64_t h = (a ^ (b << 21) ^ (b >> 43)) * 0x9E3779B97F4A7C15u;
    h ^= h >> 32;
    return (uint32_t)(h * 0xD6E8FEB86659FD93u >> 32);
}

bool kb_trie_init(kb_trie *trie, uint32_t node_capacity, uint32_t sample_capacity) {
    memset(trie, 0, sizeof *trie);
    trie->node_capacity = node_capacity;
    trie->node_mask = node_capacity * 2 - 1;
    trie->sample_capacity = sample_capacity;
    trie->sample_mask = sample_capacity * 2 - 1;
    trie->nodes = calloc(node_capacity, sizeof *trie->nodes);
    trie->node_slots = calloc((size_t)trie->node_mask + 1, sizeof *trie->node_slots);
    trie->samples = calloc(sample_capacity, sizeof *trie->samples);
    trie->sample_slots = calloc((size_t)trie->sample_mask + 1, sizeof *trie->sample_slots);
    return trie->nodes && trie->node_slots && trie->samples && trie->sample_slots;
}

void kb_trie_free(kb_trie *trie) {
    free(trie->nodes);
    free(trie->node_slots);
    free(trie->samples);
    free(trie->sample_slots);
    memset(trie, 0, sizeof *trie);
}

uint32_t kb_trie_node(kb_trie *trie, uint32_t parent, uint32_t code, int32_t offset) {
    uint32_t slot = mix(((uint64_t)parent << 32) | code, (uint32_t)offset) & trie->node_mask;
    for (; trie->node_slots[slot]; slot = (slot + 1) & trie->node_mask) {
        kb_node *node = &trie->nodes[trie->node_slots[slot] - 1];
        if (node->parent == parent && node->code == code && node->offset == offset) return trie->node_slots[slot] - 1;
    }
    if (trie->node_count == trie->node_capacity) return KB_NO_NODE;
    trie->nodes[trie->node_count] = (kb_node){parent, code, offset};
    trie->node_slots[slot] = ++trie->node_count;
    return trie->node_count - 1;
}

kb_sample *kb_trie_sample(kb_trie *trie, uint32_t node, uint32_t thread, uint32_t state, uint32_t tags) {
    uint32_t slot = mix(((uint64_t)node << 32) | thread, ((uint64_t)tags << 32) | state) & trie->sample_mask;
    for (; trie->sample_slots[slot]; slot = (slot + 1) & trie->sample_mask) {
        kb_sample *sample = &trie->samples[trie->sample_slots[slot] - 1];
        if (sample->node == node && sample->thread == thread && sample->state == state && sample->tags == tags)
            return sample;
    }
    if (trie->sample_count == trie->sample_capacity) {
        trie->dropped++;
        return NULL;
    }
    kb_sample *sample = &trie->samples[trie->sample_count];
    *sample = (kb_sample){.node = node, .thread = thread, .state = state, .tags = tags};
    trie->sample_slots[slot] = ++trie->sample_count;
    return sample;
}

void kb_trie_clear_samples(kb_trie *trie) {
    memset(trie->sample_slots, 0, ((size_t)trie->sample_mask + 1) * sizeof *trie->sample_slots);
    trie->sample_count = 0;
}

void kb_trie_clear(kb_trie *trie) {
    kb_trie_clear_samples(trie);
    memset(trie->node_slots, 0, ((size_t)trie->node_mask + 1) * sizeof *trie->node_slots);
    trie->node_count = 0;
}
