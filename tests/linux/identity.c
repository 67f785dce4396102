// SPDX-License-Identifier: MIT
// Who a process is: user, group, capabilities. Expects to be run as root, as the suite's guests are.
#include "case.h"
#include <linux/capability.h>

int main(void) {
  int r, real, effective, saved;
  begin();
  CASE(getuid, "root");
  CASE(geteuid, "root");
  CASE(getgid, "root");
  CASE(getegid, "root");
  IN_CHILD(r, {
    CASE(setgroups, "two", 2, ((gid_t[]){10, 20}));
    gid_t groups[8];
    CASE(getgroups, "how many", 0, groups);
    CASE(getgroups, "which", 8, groups);
    EFFECT(getgroups, "both", groups[0] * 100 + groups[1]);
    CASE(getgroups, "too small", 1, groups);
    CASE(getgroups, "negative", -1, groups);
    CASE(setresgid, "three", 100, 101, 102);
    CASE(getresgid, "ask", &real, &effective, &saved);
    EFFECT(getresgid, "three", real * 1000000 + effective * 1000 + saved);
    CASE(setresuid, "three", 200, 201, 202);
    CASE(getresuid, "ask", &real, &effective, &saved);
    EFFECT(getresuid, "three", real * 1000000 + effective * 1000 + saved);
    CASE(setuid, "to the saved one", 202);
    CASE(geteuid, "after", 0);
    CASE(setuid, "root", 0);
    CASE(setreuid, "exchange", 202, 200);
    CASE(setresuid, "somebody else", 300, -1, -1);
    CASE(setgroups, "not root", 1, ((gid_t[]){10}));
    CASE(setgid, "to the real one", 100);
    CASE(setgid, "somebody else", 999);
    CASE(chroot, "not root", "/");
    CASE(kill, "root's process", getppid(), 0);
    CASE(setpriority, "less nice", 0, 0, -5);
    CASE(sethostname, "not root", "x", 1);
    CASE(clock_settime, "not root", 0, ((struct timespec[]){{1, 0}}));
  });
  IN_CHILD(r, {
    CASE(setregid, "both", 5, 6);
    CASE(setreuid, "both", 7, 8);
    getresuid(&real, &effective, &saved);
    EFFECT(setreuid, "the saved one follows", saved);
    CASE(setfsuid, "the old one", 8);
    CASE(setfsgid, "the old one", 6);
  });
  IN_CHILD(r, {
    CASE(setuid, "root gives it up", 1000);
    CASE(setuid, "and has", 0);
    CASE(setuid, "-1", -1);
    CASE(setgid, "-1", -1);
  });
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2];
  CASE(capget, "own", &header, data);
  EFFECT(capget, "CAP_CHOWN and CAP_KILL", (data[0].effective & 1) + (data[0].effective >> 5 & 1));
  header.version = 77;
  CASE(capget, "unknown version", &header, data);
  EFFECT(capget, "the one that is preferred", header.version);
  header.pid = 999999;
  CASE(capget, "nobody", &header, data);
  header.pid = 0;
  IN_CHILD(r, {
    syscall(SYS_capget, &header, data);
    data[0].effective = data[0].permitted = 0, data[1].effective = data[1].permitted = 0;
    CASE(capset, "fewer", &header, data);
  });
  IN_CHILD(r, {
    setuid(1000);
    data[0].effective = data[0].permitted = 1;
    CASE(capset, "more", &header, data);
  });
  return finish();
}
