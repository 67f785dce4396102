// SPDX-License-Identifier: MIT
// Unix sockets: pairs, listening, datagrams, names, descriptors that are sent, options.
#include "case.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static char buffer[300000];
static struct sockaddr_un named(const char *name) {
  struct sockaddr_un a = {AF_UNIX};
  strcpy(a.sun_path, name);
  return a;
}
static socklen_t size_of(const char *name) { return offsetof(struct sockaddr_un, sun_path) + strlen(name) + 1; }

static void pairs(void) {
  int s[2];
  CASE(socketpair, "stream", AF_UNIX, SOCK_STREAM, 0, s);
  int none[2];
  CASE(socketpair, "unknown type", AF_UNIX, 77, 0, none);
  CASE(socketpair, "unknown family", 77, SOCK_STREAM, 0, none);
  CASE(socketpair, "bad pointer", AF_UNIX, SOCK_STREAM, 0, BAD);
  CASE(sendto, "stream", s[0], "hello", 5, 0, NULL, 0);
  CASE(recvfrom, "MSG_PEEK", s[1], buffer, 100, MSG_PEEK, NULL, NULL);
  CASE(recvfrom, "a part", s[1], buffer, 2, 0, NULL, NULL);
  CASE(recvfrom, "the rest", s[1], buffer, 100, 0, NULL, NULL);
  CASE(recvfrom, "MSG_DONTWAIT", s[1], buffer, 100, MSG_DONTWAIT, NULL, NULL);
  write(s[0], "ab", 2), write(s[0], "cd", 2);
  CASE(recvfrom, "two writes of a stream are one", s[1], buffer, 100, 0, NULL, NULL);
  int n = 0;
  write(s[0], "abc", 3);
  CASE(ioctl, "FIONREAD", s[1], 0x541b, &n);
  EFFECT(ioctl, "bytes", n);
  CASE(shutdown, "write half", s[0], SHUT_WR);
  CASE(recvfrom, "what was sent before", s[1], buffer, 100, 0, NULL, NULL);
  CASE(recvfrom, "then the end", s[1], buffer, 100, 0, NULL, NULL);
  CASE(sendto, "after shutdown", s[0], "x", 1, MSG_NOSIGNAL, NULL, 0);
  CASE(sendto, "the other way", s[1], "x", 1, 0, NULL, 0);
  CASE(shutdown, "unknown", s[0], 7);
  struct pollfd f = {s[1], POLLIN | POLLOUT | POLLRDHUP};
  poll(&f, 1, 0);
  EFFECT(poll, "events after the peer's shutdown", f.revents);
  close(s[0]);
  poll(&f, 1, 0);
  EFFECT(poll, "events after its close", f.revents);
  CASE(write, "peer is gone", s[1], "x", 1);
  CASE(socketpair, "seqpacket", AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s);
  CASE(fcntl, "O_NONBLOCK of it", s[0], F_GETFL);
  CASE(sendto, "first message", s[0], "one", 3, 0, NULL, 0);
  CASE(sendto, "second message", s[0], "three", 5, 0, NULL, 0);
  CASE(recvfrom, "one message", s[1], buffer, 100, 0, NULL, NULL);
  CASE(recvfrom, "cut off, MSG_TRUNC tells", s[1], buffer, 2, MSG_TRUNC, NULL, NULL);
  CASE(recvfrom, "and its rest is gone", s[1], buffer, 100, 0, NULL, NULL);
  CASE(socketpair, "datagram", AF_UNIX, SOCK_DGRAM, 0, s);
  CASE(write, "empty message", s[0], "", 0);
  CASE(read, "empty message", s[1], buffer, 100);
  CASE(sendto, "too large", s[0], buffer, 300000, 0, NULL, 0);
  close(s[0]);
  CASE(sendto, "datagram to nobody", s[1], "x", 1, MSG_NOSIGNAL, NULL, 0);
}

static void listening(void) {
  struct sockaddr_un a = named("server"), got;
  socklen_t size = sizeof got;
  int server = CASE_OK(socket, "stream", AF_UNIX, SOCK_STREAM, 0);
  CASE(socket, "unknown family", 77, SOCK_STREAM, 0);
  CASE(socket, "unknown type", AF_UNIX, 9, 0);
  CASE(listen, "without a name", server, 5);
  CASE(connect, "nobody there", server, &a, sizeof a);
  CASE(bind, "path", server, &a, size_of("server"));
  CASE(bind, "again", server, &a, size_of("server"));
  CASE(bind, "name taken", socket(AF_UNIX, SOCK_STREAM, 0), &a, size_of("server"));
  CASE(bind, "in a missing directory", socket(AF_UNIX, SOCK_STREAM, 0), ((struct sockaddr_un[]){named("x/y")}), sizeof a);
  struct stat s;
  stat("server", &s);
  EFFECT(bind, "its node is a socket", S_ISSOCK(s.st_mode));
  int client = socket(AF_UNIX, SOCK_STREAM, 0);
  CASE(connect, "not listening", client, &a, size_of("server"));
  CASE(accept, "not listening", server, NULL, NULL);
  CASE(listen, "one", server, 1);
  CASE(getsockname, "server", server, &got, &size);
  EFFECT(getsockname, "length", size);
  EFFECT_TEXT(getsockname, "name", got.sun_path);
  struct pollfd f = {server, POLLIN};
  CASE(poll, "nobody connects", &f, 1, 0);
  CASE(connect, "listening", client, &a, size_of("server"));
  CASE(connect, "again", client, &a, size_of("server"));
  CASE(poll, "somebody did", &f, 1, 0);
  CASE(write, "before accept", client, "early", 5);
  size = sizeof got;
  int conn = CASE_OK(accept4, "SOCK_CLOEXEC|SOCK_NONBLOCK", server, &got, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  EFFECT(accept4, "length of an unnamed peer", size);
  CASE(fcntl, "flags of it", conn, F_GETFD);
  CASE(read, "what was written before accept", conn, buffer, 100);
  CASE(read, "nothing yet", conn, buffer, 100);
  CASE(accept4, "unknown flag", server, NULL, NULL, 1);
  fcntl(server, F_SETFL, O_NONBLOCK);
  CASE(accept, "nobody", server, NULL, NULL);
  size = sizeof got;
  CASE(getpeername, "client", client, &got, &size);
  EFFECT_TEXT(getpeername, "name", got.sun_path);
  CASE(getpeername, "server", server, &got, &size);
  struct { int pid, uid, gid; } who;
  size = sizeof who;
  CASE(getsockopt, "SO_PEERCRED", conn, SOL_SOCKET, SO_PEERCRED, &who, &size);
  EFFECT(getsockopt, "the client", who.pid == getpid());
  CASE(write, "back", conn, "answer", 6);
  CASE(read, "answer", client, buffer, 100);
  close(conn);
  CASE(read, "closed by the server", client, buffer, 100);
  CASE(write, "closed by the server", client, "x", 1);
  int waiting = socket(AF_UNIX, SOCK_STREAM, 0);
  connect(waiting, (void *)&a, size_of("server"));
  close(server);
  CASE(read, "server closed before accept", waiting, buffer, 1);
  CASE(connect, "node without a server", socket(AF_UNIX, SOCK_STREAM, 0), &a, size_of("server"));
  unlink("server");
  CASE(connect, "node gone", socket(AF_UNIX, SOCK_STREAM, 0), &a, size_of("server"));
  server = socket(AF_UNIX, SOCK_STREAM, 0);
  a = named("later");
  bind(server, (void *)&a, size_of("later")), listen(server, 5);
  pid_t child = fork();
  if (child == 0) {
    sleep_ms(10);
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(c, (void *)&a, size_of("later"));
    write(c, "from a child", 12);
    _exit(0);
  }
  conn = CASE_OK(accept, "waits for a child", server, NULL, NULL);
  CASE(read, "from the child", conn, buffer, 100);
  reap(child);
  CASE(connect, "wrong type", socket(AF_UNIX, SOCK_DGRAM, 0), &a, size_of("later"));
}

static void names(void) {
  struct sockaddr_un a = {AF_UNIX}, got;
  snprintf(a.sun_path + 1, 100, "exos-case-%d", getpid());
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1), size;
  int server = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  CASE(bind, "abstract", server, &a, length);
  CASE(bind, "abstract, taken", socket(AF_UNIX, SOCK_SEQPACKET, 0), &a, length);
  listen(server, 5);
  int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  CASE(connect, "abstract", client, &a, length);
  CASE(connect, "abstract, wrong type", socket(AF_UNIX, SOCK_STREAM, 0), &a, length);
  int conn = accept(server, NULL, NULL);
  write(client, "packet", 6);
  CASE(read, "seqpacket", conn, buffer, 100);
  close(server);
  CASE(connect, "abstract, gone", socket(AF_UNIX, SOCK_SEQPACKET, 0), &a, length);
  int automatic = socket(AF_UNIX, SOCK_DGRAM, 0);
  CASE(bind, "automatic", automatic, &a, sizeof(sa_family_t));
  size = sizeof got;
  getsockname(automatic, (void *)&got, &size);
  EFFECT(bind, "length of the automatic name", size);
  CASE(bind, "other family", socket(AF_UNIX, SOCK_DGRAM, 0), ((struct sockaddr_un[]){{AF_INET}}), sizeof a);
  CASE(bind, "too long", socket(AF_UNIX, SOCK_DGRAM, 0), &a, 200);
}

static void datagrams(void) {
  int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0);
  struct sockaddr_un a = named("one"), b = named("two"), from;
  socklen_t size = sizeof from;
  bind(one, (void *)&a, size_of("one")), bind(two, (void *)&b, size_of("two"));
  CASE(sendto, "datagram by name", two, "hi", 2, 0, &a, size_of("one"));
  CASE(recvfrom, "with the sender", one, buffer, 100, 0, &from, &size);
  EFFECT_TEXT(recvfrom, "sender", from.sun_path);
  CASE(sendto, "to a missing name", two, "hi", 2, 0, ((struct sockaddr_un[]){named("three")}), sizeof a);
  CASE(write, "without a destination", two, "hi", 2);
  CASE(connect, "datagram", two, &a, size_of("one"));
  CASE(write, "connected", two, "yo", 2);
  CASE(read, "connected", one, buffer, 100);
  struct mmsghdr m[2] = {0};
  struct iovec v[2] = {{"first", 5}, {"second", 6}};
  m[0].msg_hdr.msg_iov = &v[0], m[0].msg_hdr.msg_iovlen = 1;
  m[1].msg_hdr.msg_iov = &v[1], m[1].msg_hdr.msg_iovlen = 1;
  CASE(sendmmsg, "two", two, m, 2, 0);
  EFFECT(sendmmsg, "lengths", m[0].msg_len * 10 + m[1].msg_len);
  char texts[2][20];
  v[0] = (struct iovec){texts[0], 20}, v[1] = (struct iovec){texts[1], 20};
  CASE(recvmmsg, "two", one, m, 2, 0, NULL);
  EFFECT(recvmmsg, "lengths", m[0].msg_len * 10 + m[1].msg_len);
  close(one);
  CASE(write, "connected to one that is gone", two, "yo", 2);
}

static void descriptors(void) {
  int s[2], p[2], n;
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  pipe(p);
  char control[64] __attribute__((aligned(8))) = {0};
  struct iovec v = {"x", 1};
  struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int))};
  struct cmsghdr *c = CMSG_FIRSTHDR(&m);
  *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(c), &p[1], sizeof(int));
  CASE(sendmsg, "a descriptor", s[0], &m, 0);
  close(p[1]);
  char data[8];
  v = (struct iovec){data, 8};
  memset(control, 0, sizeof control), m.msg_controllen = sizeof control;
  CASE(recvmsg, "a descriptor", s[1], &m, MSG_CMSG_CLOEXEC);
  EFFECT(recvmsg, "flags", m.msg_flags & ~MSG_CMSG_CLOEXEC);
  c = CMSG_FIRSTHDR(&m);
  EFFECT(recvmsg, "control", c != NULL ? c->cmsg_type * 1000 + c->cmsg_len : -1);
  memcpy(&n, CMSG_DATA(c), sizeof n);
  CASE(fcntl, "MSG_CMSG_CLOEXEC", n, F_GETFD);
  CASE(write, "through the descriptor that came", n, "hello", 5);
  CASE(read, "at the other end", p[0], data, 8);
  close(n);
  CASE(read, "it was the last writer", p[0], data, 8);
  n = 900;
  memset(control, 0, sizeof control), m.msg_controllen = CMSG_SPACE(sizeof(int));
  c = CMSG_FIRSTHDR(&m);
  *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(c), &n, sizeof(int));
  v = (struct iovec){"x", 1};
  CASE(sendmsg, "a closed descriptor", s[0], &m, 0);
  memcpy(CMSG_DATA(c), &s[0], sizeof(int));
  CASE(sendmsg, "its own end", s[0], &m, 0);
  v = (struct iovec){data, 8};
  m.msg_control = NULL, m.msg_controllen = 0;
  CASE(recvmsg, "without room for control", s[1], &m, 0);
  EFFECT(recvmsg, "MSG_CTRUNC", m.msg_flags);
  int on = 1;
  CASE(setsockopt, "SO_PASSCRED", s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  write(s[0], "who", 3);
  m.msg_control = control, m.msg_controllen = sizeof control;
  CASE(recvmsg, "with credentials", s[1], &m, 0);
  c = CMSG_FIRSTHDR(&m);
  struct { int pid, uid, gid; } who = {0};
  if (c != NULL) memcpy(&who, CMSG_DATA(c), sizeof who);
  EFFECT(recvmsg, "SCM_CREDENTIALS", c != NULL && c->cmsg_type == 2 && who.pid == getpid());
  m.msg_control = NULL, m.msg_controllen = 0;
  CASE(recvmsg, "bad header", s[1], BAD, 0);
  CASE(sendmsg, "too many pieces", s[0], &((struct msghdr){.msg_iov = &v, .msg_iovlen = 5000}), 0);
}

static void options(void) {
  int s[2], value = 0;
  socklen_t size = sizeof value;
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  CASE(getsockopt, "SO_TYPE", s[0], SOL_SOCKET, SO_TYPE, &value, &size);
  EFFECT(getsockopt, "type", value);
  CASE(getsockopt, "SO_DOMAIN", s[0], SOL_SOCKET, SO_DOMAIN, &value, &size);
  EFFECT(getsockopt, "domain", value);
  CASE(getsockopt, "SO_ERROR", s[0], SOL_SOCKET, SO_ERROR, &value, &size);
  CASE(getsockopt, "SO_ACCEPTCONN", s[0], SOL_SOCKET, SO_ACCEPTCONN, &value, &size);
  CASE(getsockopt, "unknown", s[0], SOL_SOCKET, 9999, &value, &size);
  CASE(getsockopt, "other level", s[0], 6, 1, &value, &size);
  CASE(setsockopt, "SO_REUSEADDR", s[0], SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4);
  CASE(setsockopt, "short value", s[0], SOL_SOCKET, SO_REUSEADDR, &(int){1}, 2);
  CASE(setsockopt, "unknown", s[0], SOL_SOCKET, 9999, &(int){1}, 4);
  CASE(getsockopt, "SO_PASSCRED", s[0], SOL_SOCKET, SO_PASSCRED, &value, &size);
  EFFECT(getsockopt, "off", value);
  struct timeval t = {0, 5000};
  CASE(setsockopt, "SO_RCVTIMEO", s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  CASE(read, "nothing in time", s[0], buffer, 1);
  t = (struct timeval){0, 1000000};
  CASE(setsockopt, "SO_RCVTIMEO, bad time", s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  CASE(setsockopt, "not a socket", 0, SOL_SOCKET, SO_REUSEADDR, &(int){1}, 4);
  fcntl(s[0], F_SETFL, O_NONBLOCK);
  long sent = 0;
  for (long n; (n = write(s[0], buffer, 4096)) > 0; sent += n) {}
  EFFECT(write, "until it is full", sent >= 65536 && sent <= 400000);
  struct pollfd f = {s[0], POLLOUT};
  CASE(poll, "full", &f, 1, 0);
  long taken = 0;
  while (taken < sent) taken += read(s[1], buffer, sizeof buffer);
  CASE(poll, "emptied", &f, 1, 0);
  CASE(lseek, "socket", s[0], 0, SEEK_CUR);
}

int main(void) {
  begin();
  pairs();
  listening();
  names();
  datagrams();
  descriptors();
  options();
  return finish();
}
