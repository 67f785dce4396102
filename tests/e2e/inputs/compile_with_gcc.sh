#!/bin/sh
# SPDX-License-Identifier: MIT
# Compiles a C program with gcc and make in ExOS and on the host: objects, program and its output must be the same.
# Arguments: files, lines that they have at least. EXO is the host command; it is run in a scratch folder.
set -e
here=$(cd "$(dirname "$0")" && pwd)
mkdir program; (cd program; /usr/bin/python3 "$here/make_c_program.py" $1; [ $(cat *.c *.h | wc -l) -ge $2 ]); cp -r program host
compiler=$(dirname "$(gcc -print-prog-name=cc1)"); libraries=/usr/lib/x86_64-linux-gnu; set --
for f in cc1 collect2 lto-wrapper liblto_plugin.so include libgcc.a libgcc_s.so crtbeginS.o crtendS.o; do set -- "$@" --copy $compiler/$f; done
for f in Scrt1.o crti.o crtn.o libc.so libc.so.6 libc_nonshared.a libgcc_s.so.1; do set -- "$@" --copy $libraries/$f; done
for f in x86_64-linux-gnu stdio.h string.h strings.h features.h features-time64.h stdc-predef.h; do set -- "$@" --copy /usr/include/$f; done
"$EXO" run -m 512M -v program:/work:rw -w /work "$@" --copy gcc --copy as --copy ld --copy make --copy sh -- sh -c 'make -s CC=gcc && ./program' > guest.out
(cd host; make -s CC=gcc && ./program > ../host.out)
cat guest.out; cmp guest.out host.out; for f in host/*.o host/program; do cmp $f program/${f#host/}; done
