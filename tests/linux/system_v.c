// SPDX-License-Identifier: MIT
// System V shared memory, semaphores and message queues.
#include "case.h"
#include <sched.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

static volatile int signals;
static void on_signal(int number) { ++signals; }
static int in_child(int (*work)(int), int id) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(work(id));
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int write_there(int id) {
  char *at = shmat(id, NULL, 0);
  if (at == (void *)-1) return 1;
  const int right = strcmp(at, "from the parent") == 0;
  strcpy(at, "from the child");
  return right ? shmdt(at) : 2;
}

static void memory(void) {
  const key_t key = 0x45780000 + getpid() % 0x10000;
  CASE(shmget, "no size", IPC_PRIVATE, 0, 0600);
  CASE(shmget, "not there", key, 4096, 0600);
  const int id = CASE_OK(shmget, "made", key, 5000, IPC_CREAT | 0640);
  CASE(shmget, "exclusive", key, 5000, IPC_CREAT | IPC_EXCL | 0600);
  CASE(shmget, "larger than it is", key, 50000, 0600);
  EFFECT(shmget, "the same", shmget(key, 10, 0600) == id);
  struct shmid_ds state;
  CASE(shmctl, "state", id, IPC_STAT, &state);
  EFFECT(shmctl, "size and mode", state.shm_segsz * 1000 + state.shm_perm.mode);
  EFFECT(shmctl, "who made it", state.shm_cpid == getpid() && state.shm_nattch == 0);
  CASE(shmat, "no such", 0x7fffff, NULL, 0);
  CASE(shmat, "crooked place", id, (void *)0x10000001, 0);
  char *at = shmat(id, NULL, 0);
  EFFECT(shmat, "attached", at != (void *)-1 && at[0] == 0 && at[4999] == 0);
  strcpy(at, "from the parent");
  char *again = shmat(id, NULL, SHM_RDONLY);
  EFFECT(shmat, "twice", again != at && strcmp(again, at) == 0);
  CASE(shmat, "where something is", id, at, 0);
  EFFECT(shmat, "instead of it", shmat(id, again, SHM_REMAP) == again);
  shmctl(id, IPC_STAT, &state);
  EFFECT(shmctl, "attachments", state.shm_nattch);
  EFFECT(shmat, "in a child", in_child(write_there, id));
  EFFECT_TEXT(shmat, "what it wrote", at);
  EFFECT(shmat, "a place of one's own", shmat(id, (void *)0x30000123, SHM_RND) == (void *)0x30000000);
  CASE(shmdt, "there", 0x30000000);
  CASE(shmdt, "gone", 0x30000000);
  CASE(shmdt, "crooked", 0x30000001);
  shmdt(again);
  state.shm_perm.mode = 0600;
  CASE(shmctl, "set", id, IPC_SET, &state);
  shmctl(id, IPC_STAT, &state);
  EFFECT(shmctl, "new mode", state.shm_perm.mode);
  CASE(shmctl, "unknown", id, 99, &state);
  CASE(shmctl, "bad pointer", id, IPC_STAT, BAD);
  CASE(shmctl, "remove", id, IPC_RMID, NULL);
  shmctl(id, IPC_STAT, &state);
  EFFECT(shmctl, "stays while it is attached", state.shm_nattch * 10000 + state.shm_perm.mode);
  CASE(shmget, "its key is gone", key, 10, 0600);
  EFFECT_TEXT(shmat, "its contents are not", at);
  shmdt(at);
  CASE(shmctl, "and then it is gone", id, IPC_STAT, &state);
  CASE(shmctl, "negative", -1, IPC_STAT, &state);
}

static int take_one(int id) {
  struct sembuf take = {0, -1, 0};
  return semop(id, &take, 1) == 0 ? 0 : errno;
}
static int take_with_undo(int id) {
  struct sembuf take = {1, -3, SEM_UNDO};
  semop(id, &take, 1);
  return semctl(id, 1, GETVAL);
}
static int wait_for_removal(int id) {
  struct sembuf take = {2, -1, 0};
  return semop(id, &take, 1) == -1 ? errno : 0;
}

static void semaphores(void) {
  CASE(semget, "none", IPC_PRIVATE, 0, 0600);
  CASE(semget, "too many", IPC_PRIVATE, 1 << 20, 0600);
  const int id = CASE_OK(semget, "made", IPC_PRIVATE, 3, IPC_CREAT | 0600);
  CASE(semctl, "value", id, 0, GETVAL, 0);
  CASE(semctl, "set", id, 0, SETVAL, 2);
  CASE(semctl, "set too much", id, 0, SETVAL, 40000);
  CASE(semctl, "no such semaphore", id, 7, GETVAL, 0);
  struct sembuf two[2] = {{0, -1, 0}, {1, 4, 0}};
  CASE(semop, "two", id, two, 2);
  EFFECT(semop, "values", semctl(id, 0, GETVAL) * 10 + semctl(id, 1, GETVAL));
  struct sembuf fails[2] = {{0, -1, IPC_NOWAIT}, {1, -9, IPC_NOWAIT}};
  CASE(semop, "not both", id, fails, 2);
  EFFECT(semop, "so none", semctl(id, 0, GETVAL) * 10 + semctl(id, 1, GETVAL));
  CASE(semop, "no operations", id, two, 0);
  CASE(semop, "too many", id, two, 1000);
  CASE(semop, "bad pointer", id, BAD, 1);
  CASE(semop, "no such", id, ((struct sembuf[]){{9, 1, 0}}), 1);
  CASE(semop, "too high", id, ((struct sembuf[]){{0, 32767, 0}}), 1);
  CASE(semop, "zero, at once", id, ((struct sembuf[]){{2, 0, 0}}), 1);
  CASE(semop, "zero, not now", id, ((struct sembuf[]){{1, 0, IPC_NOWAIT}}), 1);
  CASE(semtimedop, "in time", id, ((struct sembuf[]){{0, -1, 0}}), 1, ((struct timespec[]){{5, 0}}));
  CASE(semtimedop, "not in time", id, ((struct sembuf[]){{0, -1, 0}}), 1, ((struct timespec[]){{0, 2000000}}));
  EFFECT(semctl, "last operation's", semctl(id, 0, GETPID) == getpid());
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(take_one(id));
  while (semctl(id, 0, GETNCNT) == 0) sched_yield();
  EFFECT(semctl, "somebody waits", semctl(id, 0, GETNCNT) * 10 + semctl(id, 0, GETZCNT));
  struct sembuf give = {0, 1, 0};
  CASE(semop, "give", id, &give, 1);
  int status = 0;
  waitpid(child, &status, 0);
  EFFECT(semop, "it had it", status);
  EFFECT(semop, "with undo, in a child", in_child(take_with_undo, id));
  EFFECT(exit_group, "taken back", semctl(id, 1, GETVAL));
  unsigned short values[3] = {0, 0, 0};
  CASE(semctl, "all", id, 0, GETALL, values);
  EFFECT(semctl, "values", values[0] * 100 + values[1] * 10 + values[2]);
  values[0] = 5;
  CASE(semctl, "set all", id, 0, SETALL, values);
  EFFECT(semctl, "value", semctl(id, 0, GETVAL));
  struct semid_ds state;
  CASE(semctl, "state", id, 0, IPC_STAT, &state);
  EFFECT(semctl, "how many, and the mode", state.sem_nsems * 1000 + state.sem_perm.mode);
  signal(SIGUSR1, on_signal);
  const pid_t self = getpid(), killer = fork();
  if (killer == 0) sleep_ms(10), kill(self, SIGUSR1), _exit(0);
  CASE(semop, "interrupted", id, ((struct sembuf[]){{2, -1, 0}}), 1);
  waitpid(killer, NULL, 0);
  const pid_t waiter = fork();
  if (waiter == 0) _exit(wait_for_removal(id) == EIDRM ? 9 : 8);
  while (semctl(id, 2, GETNCNT) == 0) sched_yield();
  CASE(semctl, "remove", id, 0, IPC_RMID, 0);
  waitpid(waiter, &status, 0);
  EFFECT(semop, "who waited is told", WEXITSTATUS(status));
  CASE(semop, "gone", id, &give, 1);
  CASE(semctl, "gone", id, 0, GETVAL, 0);
}

struct text { long type; char bytes[64]; };
static int receive(int id) {
  struct text m;
  const long n = msgrcv(id, &m, sizeof m.bytes, 0, 0);
  return n == 5 && memcmp(m.bytes, "child", 5) == 0 && m.type == 3 ? 0 : 1;
}
static int wait_for_end(int id) {
  struct text m;
  return msgrcv(id, &m, sizeof m.bytes, 77, 0) == -1 && errno == EIDRM ? 9 : 8;
}

static void messages(void) {
  const key_t key = 0x45790000 + getpid() % 0x10000;
  CASE(msgget, "not there", key, 0600);
  const int id = CASE_OK(msgget, "made", key, IPC_CREAT | 0600);
  CASE(msgget, "exclusive", key, IPC_CREAT | IPC_EXCL | 0600);
  struct text m = {1, "one"};
  CASE(msgsnd, "first", id, &m, 3, 0);
  m = (struct text){5, "five"};
  CASE(msgsnd, "second", id, &m, 4, 0);
  m = (struct text){2, "two"};
  CASE(msgsnd, "third", id, &m, 3, 0);
  m.type = 0;
  CASE(msgsnd, "no type", id, &m, 3, 0);
  m.type = 1;
  CASE(msgsnd, "too long", id, &m, 100000, 0);
  CASE(msgsnd, "bad pointer", id, BAD, 3, 0);
  struct msqid_ds state;
  CASE(msgctl, "state", id, IPC_STAT, &state);
  EFFECT(msgctl, "how many, and their bytes", state.msg_qnum * 100 + state.__msg_cbytes);
  CASE(msgrcv, "of no such type", id, &m, 64, 9, IPC_NOWAIT);
  CASE(msgrcv, "of a type", id, &m, 64, 5, 0);
  EFFECT(msgrcv, "what came", m.type * 100 + m.bytes[0]);
  CASE(msgrcv, "any but", id, &m, 64, 1, MSG_EXCEPT);
  EFFECT(msgrcv, "what came", m.type * 100 + m.bytes[0]);
  m = (struct text){7, "seven"}, msgsnd(id, &m, 5, 0);
  m = (struct text){4, "four"}, msgsnd(id, &m, 4, 0);
  CASE(msgrcv, "too long for it", id, &m, 2, 1, 0);
  CASE(msgrcv, "cut", id, &m, 2, 1, MSG_NOERROR);
  CASE(msgrcv, "the lowest up to", id, &m, 64, -9l, 0);
  EFFECT(msgrcv, "what came", m.type * 100 + m.bytes[0]);
  CASE(msgrcv, "bad pointer", id, BAD, 64, 0, 0);
  CASE(msgrcv, "empty", id, &m, 64, 0, IPC_NOWAIT);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) _exit(receive(id));
  sleep_ms(5);
  m = (struct text){3, "child"};
  CASE(msgsnd, "to who waits", id, &m, 5, 0);
  int status = 0;
  waitpid(child, &status, 0);
  EFFECT(msgrcv, "in a child", status);
  static struct { long type; char bytes[8192]; } large = {1};
  int fit = 0;
  while (msgsnd(id, &large, sizeof large.bytes, IPC_NOWAIT) == 0) ++fit;
  EFFECT(msgsnd, "until it is full", fit * 1000 + errno);
  state.msg_qbytes = 4000;
  CASE(msgctl, "set", id, IPC_SET, &state);
  const pid_t waiter = fork();
  if (waiter == 0) _exit(wait_for_end(id));
  sleep_ms(10);
  CASE(msgctl, "remove", id, IPC_RMID, NULL);
  waitpid(waiter, &status, 0);
  EFFECT(msgrcv, "who waited is told", WEXITSTATUS(status));
  CASE(msgrcv, "gone", id, &m, 64, 0, 0);
  CASE(msgctl, "gone", id, IPC_STAT, &state);
}

int main(void) {
  begin();
  memory();
  semaphores();
  messages();
  return finish();
}
