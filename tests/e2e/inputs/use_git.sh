#!/bin/sh
# SPDX-License-Identifier: MIT
# A day's work with git in a tree of as many files as the argument says.
set -e
HOME=$(mktemp -d); export HOME GIT_AUTHOR_DATE='2024-01-01T00:00:00Z' GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' GIT_CONFIG_NOSYSTEM=1
git config --global gc.auto 0; git config --global user.email someone@example.org; git config --global user.name Someone
git config --global init.defaultBranch main; git config --global safe.directory '*'
mkdir $HOME/repository; cd $HOME/repository; git init -q
i=0; while [ $i -lt $1 ]; do d=d$((i / 100)); [ -d $d ] || mkdir $d; echo "file $i $((i * 7919 % 1009))" > $d/f$i; i=$((i + 1)); done
git add -A; git commit -q -m first; git log --oneline
i=0; while [ $i -lt 50 ]; do echo "more $i" >> d0/f$i; i=$((i + 1)); done
git mv d0/f1 moved; git rm -q -f d0/f2; git commit -qam second; git log --stat --format='%H %s' -1 | tail -n 3; git status --short
git branch side HEAD~1; git checkout -q side; echo side > side; git add side; git commit -qm side; git checkout -q main
git merge -q --no-edit side; git log --format='%h %s'; git diff HEAD~1 --stat | tail -n 1; git count-objects | cut -d, -f1
git gc -q; git count-objects -v | grep -E '^(count|packs|in-pack)'; git fsck --full; git rev-parse HEAD; git blame -s moved; ls
