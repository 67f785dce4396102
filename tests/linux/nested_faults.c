// SPDX-License-Identifier: MIT
// Bad pointers within structures, and in the calls that are not in faults.c: System V objects, rings, threads, names of ends.
#include "faults.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <asm/prctl.h>

static char room[8192], path[] = "f", program[] = "x", attribute[] = "user.a";
static int file, in, out, left, right, listener, timer, segment, semaphores, queue, one = 1, length = 100;
static struct iovec pieces[2] = {{room, 4}, {room + 64, 4}}, from[2] = {{room, 4}, {room + 64, 4}}, bytes[2] = {{room, 1}, {room + 64, 1}};
static char control[CMSG_SPACE(sizeof(int))];
static struct msghdr to_send = {.msg_iov = pieces, .msg_iovlen = 2}, to_get = {.msg_iov = pieces, .msg_iovlen = 2};
static struct msghdr with_control = {.msg_iov = pieces, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
static struct msghdr named = {.msg_iov = pieces, .msg_iovlen = 1, .msg_namelen = sizeof(struct sockaddr_un)};
static struct mmsghdr several[2];
static struct clone_args with_pidfd = {.flags = CLONE_PIDFD, .exit_signal = SIGCHLD}, with_parent = {.flags = CLONE_PARENT_SETTID, .exit_signal = SIGCHLD},
                         with_child = {.flags = CLONE_CHILD_SETTID, .exit_signal = SIGCHLD}, with_ids = {.set_tid_size = 1, .exit_signal = SIGCHLD};
static char *words[] = {"x", "y", NULL};
static struct { void *set; size_t size; } mask = {room, 8};
static struct { uint64_t value, address; uint32_t flags, reserved; } waited[1] = {{.flags = 2}};
static struct sembuf step = {0, 0, IPC_NOWAIT};
static struct { long type; char text[8]; } letter = {1, "letter"};
static struct itimerspec spec;
static struct sigaction action;
static struct sched_param priority;
static struct timespec none;
static stack_t alternate = {.ss_size = 8192};

static void prepare(void) {
  int pair[2];
  file = open(path, O_RDWR | O_CREAT, 0700), write(file, "contents of a file", 18);
  lseek(file, 0, SEEK_SET), syscall(SYS_setxattr, path, attribute, "b", 1, 0);
  close(open(program, O_WRONLY | O_CREAT, 0700));
  pipe(pair), in = pair[0], out = pair[1], write(out, "abcdefgh", 8);
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), left = pair[0], right = pair[1];
  bind(left, (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "left"}, sizeof(struct sockaddr_un));
  for (int i = 0; i < 8; ++i) write(left, "12345678", 8);
  struct sockaddr_un name = {AF_UNIX, "s"};
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), bind(listener, (struct sockaddr *)&name, sizeof name), listen(listener, 100);
  for (int i = 0; i < 90; ++i) connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&name, sizeof name);
  segment = shmget(IPC_PRIVATE, 4096, 0600), semaphores = semget(IPC_PRIVATE, 2, 0600), queue = msgget(IPC_PRIVATE, 0600);
  for (int i = 0; i < 20; ++i) msgsnd(queue, &letter, 8, 0);
  *(struct cmsghdr *)control = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  several[0].msg_hdr = several[1].msg_hdr = to_send;
}

static void make_timer(void) {
  struct sigevent silent = {.sigev_notify = SIGEV_NONE};
  syscall(SYS_timer_create, CLOCK_MONOTONIC, &silent, &timer);
}

static const trial *trials(int *count) {
  const trial all[] = {
      // What lies in structures.
      NESTED(readv, "base of the second", &pieces[1].iov_base, file, A pieces, 2), NESTED(readv, "base of the first", &pieces[0].iov_base, file, A pieces, 2),
      NESTED(writev, "base of the second", &pieces[1].iov_base, file, A pieces, 2), NESTED(writev, "base of the first", &pieces[0].iov_base, file, A pieces, 2),
      NESTED(writev, "base, into a pipe", &pieces[0].iov_base, out, A pieces, 2), NESTED(readv, "base, from a pipe", &bytes[0].iov_base, in, A bytes, 2),
      NESTED(preadv, "base", &pieces[0].iov_base, file, A pieces, 2, 0, 0), NESTED(pwritev, "base", &pieces[0].iov_base, file, A pieces, 2, 0, 0),
      NESTED(preadv2, "base", &pieces[0].iov_base, file, A pieces, 2, 0, 0, 0), NESTED(pwritev2, "base", &pieces[0].iov_base, file, A pieces, 2, 0, 0, 0),
      NESTED(vmsplice, "base", &pieces[0].iov_base, out, A pieces, 1, 2), NESTED(sendmsg, "base", &pieces[0].iov_base, left, A &to_send, MSG_DONTWAIT),
      NESTED(sendmsg, "pieces", &to_send.msg_iov, left, A &to_send, MSG_DONTWAIT), NESTED(sendmsg, "control", &with_control.msg_control, left, A &with_control, MSG_DONTWAIT),
      NESTED(sendmsg, "name", &named.msg_name, left, A &named, MSG_DONTWAIT), NESTED(recvmsg, "base", &pieces[0].iov_base, right, A &to_get, MSG_DONTWAIT | MSG_PEEK),
      NESTED(recvmsg, "pieces", &to_get.msg_iov, right, A &to_get, MSG_DONTWAIT | MSG_PEEK),
      NESTED(sendmmsg, "pieces of the first", &several[0].msg_hdr.msg_iov, left, A several, 2, MSG_DONTWAIT),
      NESTED(recvmmsg, "pieces of the first", &several[0].msg_hdr.msg_iov, right, A several, 2, MSG_DONTWAIT | MSG_PEEK),
      NESTED(process_vm_readv, "own base", &pieces[0].iov_base, getpid(), A pieces, 1, A from, 1, 0), NESTED(process_vm_readv, "the other's base", &from[0].iov_base, getpid(), A pieces, 1, A from, 1, 0),
      NESTED(process_vm_writev, "own base", &pieces[0].iov_base, getpid(), A pieces, 1, A from, 1, 0), NESTED(process_vm_writev, "the other's base", &from[0].iov_base, getpid(), A pieces, 1, A from, 1, 0),
      NESTED(clone3, "pidfd", &with_pidfd.pidfd, A &with_pidfd, sizeof with_pidfd), NESTED(clone3, "parent's id", &with_parent.parent_tid, A &with_parent, sizeof with_parent),
      NESTED(clone3, "child's id", &with_child.child_tid, A &with_child, sizeof with_child), NESTED(clone3, "wanted ids", &with_ids.set_tid, A &with_ids, sizeof with_ids),
      NESTED(execve, "second word", &words[1], A program, A words, 0),
      NESTED(execve, "word of the environment", &words[1], A program, 0, A words), NESTED(pselect6, "mask", &mask.set, 0, 0, 0, 0, A &none, A &mask),
      NESTED(futex_waitv, "word", &waited[0].address, A waited, 1, 0, 0, 0), NESTED(sigaltstack, "stack", &alternate.ss_sp, A &alternate, 0),
      NESTED(rt_sigaction, "handler", &action.sa_handler, SIGUSR1, A &action, 0, 8),
      // Arguments.
      TRY(accept, P(1) | P(2), listener, A room, A &length), TRY(accept4, P(1) | P(2), listener, A room, A &length, SOCK_NONBLOCK),
      TRY(recvfrom, P(4) | P(5), right, A room, 4, MSG_DONTWAIT | MSG_PEEK, A (room + 64), A &length), TRY(sendto, P(4), left, A room, 4, MSG_DONTWAIT, A room, 10),
      TRY(arch_prctl, P(1), ARCH_GET_FS, A room), TRY(fchmodat2, P(1), AT_FDCWD, A path, 0700, 0), TRY(getgroups, P(1), 100, A room),
      TRY(lsetxattr, P(0) | P(1) | P(2), A path, A "user.y", A room, 4, 0), TRY(lgetxattr, P(0) | P(1) | P(2), A path, A attribute, A room, 100),
      TRY(llistxattr, P(0) | P(1), A path, A room, 100), TRY(lremovexattr, P(0) | P(1), A path, A "user.none"), TRY(fremovexattr, P(1), file, A "user.none"),
      TRY(sched_setscheduler, P(2), 0, 0, A &priority), TRY(setdomainname, P(0), A "text", 4),
      TRY(semop, P(1), semaphores, A &step, 1), TRY(semtimedop, P(1) | P(3), semaphores, A &step, 1, A &none), TRY(semctl, P(3), semaphores, 0, IPC_STAT, A room),
      TRY(semctl, P(3), semaphores, 0, GETALL, A room), TRY(semctl, P(3), semaphores, 0, SETALL, A room), TRY(semctl, P(3), semaphores, 0, IPC_SET, A room),
      TRY(shmctl, P(2), segment, IPC_STAT, A room), TRY(shmctl, P(2), segment, IPC_SET, A room), TRY(msgctl, P(2), queue, IPC_STAT, A room), TRY(msgctl, P(2), queue, IPC_SET, A room),
      TRY(msgsnd, P(1), queue, A &letter, 4, IPC_NOWAIT), TRY(msgrcv, P(1), queue, A &letter, 8, 1, IPC_NOWAIT),
      TRY(timer_settime, P(2) | P(3), timer, 0, A &spec, A room), TRY(timer_gettime, P(1), timer, A room), TRY(clock_settime, P(1), CLOCK_MONOTONIC, A &none),
      TRY(clone, P(2), SIGCHLD | CLONE_PIDFD, 0, A room, 0, 0), TRY(clone, P(2), SIGCHLD | CLONE_PARENT_SETTID, 0, A room, 0, 0),
      TRY(clone, P(3), SIGCHLD | CLONE_CHILD_SETTID, 0, 0, A room, 0), TRY(mbind, P(3), (A room + 4095) & -4096, 4096, 2, A room, 8, 0),
      TRY(prctl, P(1), 37, A room, 0, 0, 0), TRY(prctl, P(1), 40, A room), TRY(set_robust_list, P(0), A room, 24), TRY(rseq, P(0), A room, 32, 0, 1),
      TRY(fcntl, P(2), file, 15, A room), TRY(fcntl, P(2), file, 16, A room), TRY(fcntl, P(2), file, 36, A room), TRY(fcntl, P(2), file, 37, A room), TRY(copy_file_range, P(1), file, A room, file, 0, 4, 0),
      TRY(splice, P(3), in, 0, file, A room, 1, 0), TRY(get_mempolicy, P(0) | P(1), A room, A (room + 64), 64, 0, 0), TRY(ioctl, P(2), left, 0x541b, A room), TRY(ioctl, P(2), file, 0x5401, A room)};
  *count = sizeof all / sizeof *all;
  return memcpy(malloc(sizeof all), all, sizeof all);
}

// A read that has nowhere to put what it reads leaves it where it is.
static void nothing_is_lost(void) {
  int pair[2];
  struct iovec good_and_bad[2] = {{room, 2}, {BAD, 2}}, bad_and_good[2] = {{BAD, 2}, {room, 2}};
  pipe(pair), write(pair[1], "abcd", 4);
  CASE(read, "pipe, bad pointer", pair[0], BAD, 4);
  CASE(readv, "pipe, bad base", pair[0], bad_and_good, 2);
  CASE(read, "pipe, all is there still", pair[0], room, 100);
  write(pair[1], "abcd", 4);
  readv(pair[0], good_and_bad, 2), fcntl(pair[0], F_SETFL, O_NONBLOCK), memset(room, 0, 8);
  read(pair[0], room, 100);
  EFFECT(readv, "pipe, the end after a bad base", strcmp(room, "abcd") == 0 || strcmp(room, "cd") == 0);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair), write(pair[1], "abcd", 4);
  CASE(recvfrom, "stream, bad pointer", pair[0], BAD, 4, 0, NULL, NULL);
  CASE(readv, "stream, bad base", pair[0], bad_and_good, 2);
  CASE(recvfrom, "stream, all is there still", pair[0], room, 100, 0, NULL, NULL);
  int f = open("lost", O_RDWR | O_CREAT, 0700);
  CASE(write, "file, bad pointer", f, BAD, 4);
  CASE(lseek, "file, position stays", f, 0, SEEK_CUR);
  CASE(pwrite64, "file, beyond its end, bad pointer", f, BAD, 4, 10000);
}

int main(void) {
  begin();
  nothing_is_lost();
  prepare();
  in_each_child = make_timer;
  int count;
  const trial *all = trials(&count);
  run_trials(all, count);
  shmctl(segment, IPC_RMID, NULL), semctl(semaphores, 0, IPC_RMID), msgctl(queue, IPC_RMID, NULL);
  return finish();
}
