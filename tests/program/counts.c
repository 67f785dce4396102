// SPDX-License-Identifier: MIT
// A program as people write them, for object_test.cpp: a map, variables, constants, functions of three kinds.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
#define SECTION(name) __attribute__((section(name), used))
#define NUMBER(name, value) int (*name)[value]

struct count {
  u64 packets, bytes;
};
struct {
  NUMBER(type, 2);  // BPF_MAP_TYPE_ARRAY
  NUMBER(max_entries, 256);
  u32* key;
  struct count* value;
} counts SECTION(".maps");

static u64 (*const now)(void) = (u64 (*)(void))1;

static const u32 weights[8] = {3, 1, 4, 1, 5, 9, 2, 6};
u32 limit = 1000;
u64 last_seen;

__attribute__((noinline)) u32 weight_of(u32 kind) { return weights[kind & 7]; }

static __attribute__((noinline)) void note_time(void) { last_seen = now(); }

SECTION("filter/counts") int count_packet(u8* packet, u64 length) {
  struct count* all = (struct count*)&counts;
  if (length < 20) return 0;
  u8 kind = packet[9];
  all[kind].packets++;
  all[kind].bytes += length;
  note_time();
  return all[kind].bytes > limit ? 0 : (int)weight_of(kind);
}

// A second program of the same object.
SECTION("function") u64 sum(u8* block, u64 length) {
  u64 total = 0;
  for (u64 i = 0; i < length && i < 64; ++i) total += block[i];
  return total;
}
