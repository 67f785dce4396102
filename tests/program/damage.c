// SPDX-License-Identifier: MIT
// Programs that the loader or the verifier does not take; each is loaded by its name.
typedef unsigned char u8;
typedef unsigned long u64;
#define SECTION(name) __attribute__((section(name), used))

extern u64 elsewhere(u64);
extern u64 variable_elsewhere;
struct {
  int (*type)[1];  // a hash: not an array
  int (*max_entries)[16];
  u64* key;
  u64* value;
} hash SECTION(".maps");
const char* const names[2] = {"one", "two"};
u64 large[512 * 512 + 1];

SECTION("filter") u64 calls_elsewhere(u8* p) { return elsewhere(p[0]); }
SECTION("filter") u64 reads_elsewhere(u8* p) { return variable_elsewhere + p[0]; }
SECTION("filter") u64 uses_hash(u8* p) { return *(volatile u64*)&hash + p[0]; }
SECTION("filter") u64 pointers(u8* p) { return (u64)names[p[0] & 1][0]; }
SECTION("filter") u64 code_address(u8* p) { return (u64)&calls_elsewhere + p[0]; }
SECTION("filter") u64 too_large(u8* p) { return large[p[0]]; }
SECTION("filter") u64 outside(u8* p) {
  u64 index = p[0];
  if (index > 4) p[0] = 7;
  return p[index];
}
