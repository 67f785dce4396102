# SPDX-License-Identifier: MIT
# Writes a C program of as many files as the argument says, some 2,000 lines each, the same each time.
import random, sys
files, functions, r = int(sys.argv[1]), 48, random.Random(7)
def expression(names, depth=0):
    if depth > 2 or r.random() < 0.3: return r.choice(names + [str(r.randrange(1, 1000))])
    return f"({expression(names, depth + 1)} {r.choice('+-*^&|')} {expression(names, depth + 1)})"
lines, prototypes = 0, []
for f in range(files):
    out = ['#include "all.h"', "#include <string.h>", "#include <stdio.h>",
           f"struct node{f} {{ struct node{f} *next; long key; double weight; char name[24]; }};"]
    for n in range(functions):
        prototypes.append(f"long f{f}_{n}(long a, long b);")
        out += [f"long f{f}_{n}(long a, long b) {{", "  long c = a * 3 + b, d = b - a;"]
        for _ in range(4):
            out += [f"  switch ((unsigned long)c % {r.randrange(3, 7)}) {{"]
            out += [f"    case {v}: d += {expression(['a', 'b', 'c'])}; break;" for v in range(3)]
            out += [f"    default: c ^= {expression(['a', 'b', 'd'])};", "  }", f"  for (long i = 0; i < {r.randrange(2, 6)}; ++i) {{",
                    f"    c += (i + {expression(['d', 'i'])}) >> 3;", f"    if (c & {1 << r.randrange(6)}) d -= i;", "  }"]
        if n > 0: out += [f"  if ((c & 7) == 3) d += f{f}_{r.randrange(n)}(c >> 5, d & 1023);"]
        out += ["  return (c ^ d) & 0xffffff;", "}"]
    out += [f"double sum{f}(void) {{", f"  struct node{f} nodes[16], *head = 0;", "  double sum = 0;", "  for (int i = 0; i < 16; ++i) {",
            f"    nodes[i].key = f{f}_{functions - 1}(i, i * 7), nodes[i].weight = nodes[i].key / 3.0, nodes[i].next = head, head = &nodes[i];",
            '    snprintf(nodes[i].name, sizeof nodes[i].name, "n%ld", nodes[i].key);', "  }",
            f"  for (struct node{f} *p = head; p; p = p->next) sum += p->weight * strlen(p->name);", "  return sum;", "}"]
    prototypes.append(f"double sum{f}(void);")
    open(f"part{f}.c", "w").write("\n".join(out) + "\n"); lines += len(out)
open("all.h", "w").write("#pragma once\n" + "\n".join(prototypes) + "\n")
main = ['#include "all.h"', "#include <stdio.h>", "int main(void) {", "  double all = 0;", *[f"  all += sum{f}();" for f in range(files)],
        '  printf("%.3f\\n", all);', "  return 0;", "}"]
open("main.c", "w").write("\n".join(main) + "\n")
objects = " ".join(["main.o"] + [f"part{f}.o" for f in range(files)])
open("Makefile", "w").write(f"CFLAGS = -O1\nprogram: {objects}\n\t$(CC) -o $@ $^\n%.o: %.c all.h\n\t$(CC) $(CFLAGS) -c -o $@ $<\n")
print(lines + len(main) + len(prototypes), "lines")
