// SPDX-License-Identifier: MIT
/* row
title = "multiply integer matrices of 150 x 150"
why = "code that needs nothing of the system must not pay for it"
source = "M6 (1995)"
*/
#include "row.h"

enum { side = 150 };
static int a[side][side], b[side][side], product[side][side];

static void multiply(void) {
  for (int row = 0; row < side; ++row)
    for (int column = 0; column < side; ++column) {
      int sum = 0;
      for (int k = 0; k < side; ++k) sum += a[row][k] * b[k][column];
      product[row][column] = sum;
    }
}

int main(void) {
  for (int i = 0; i < side; ++i)
    for (int j = 0; j < side; ++j) a[i][j] = i + j, b[i][j] = i == j;
  MEASURE(1, {
    multiply();
    __asm__ volatile("" : : : "memory");
  });
  CHECK(memcmp(a, product, sizeof a) == 0);
  return 0;
}
