/*
 * regions FILE SEED STEPS PROCESSES: each process owns a part of FILE, whose borders lie inside pages and chunks, and reads,
 * writes, maps and punches it at random, comparing with its own memory; FILE keeps its size. Then all of FILE is compared, and
 * written to FILE.mirror beside it. Ends with 1 and says what is wrong.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, longest = 200000 };

static unsigned long long state;
static unsigned char *want, got[longest];
static long size, from, to;
static int process;
static const char *doing = "nothing";
static long place, extent, step;

static unsigned long pick(unsigned long below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % below;
}

static void check(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "process %d, step %ld, %s %ld+%ld of %ld to %ld: %s (%s)\n", process, step, doing, place, extent, from, to, what, strerror(errno));
  exit(1);
}

static void compare(const unsigned char *bytes, long at, long length) {
  for (long i = 0; i < length; i++) {
    if (bytes[i] == want[at + i]) continue;
    fprintf(stderr, "byte %ld is %d instead of %d\n", at + i, bytes[i], want[at + i]);
    check(0, "other bytes than were written");
  }
}

static void work(const char *path, long steps) {
  int handle = open(path, O_RDWR);
  check(handle >= 0, "open");
  for (step = 1; step <= steps; step++) {
    static const long caps[] = {10, 3000, 70000, longest};
    long cap = caps[pick(4)], at = from + pick(to - from), length = 1 + pick(cap);
    if (pick(3) == 0) at = at / 65536 * 65536;
    if (at < from) at = from;
    if (at + length > to) length = to - at;
    place = at, extent = length, errno = 0;
    unsigned char first = pick(256);
    switch (pick(8)) {
      case 0: case 1: case 2:
        doing = "read";
        check(pread(handle, got, length, at) == length, "read");
        compare(got, at, length);
        break;
      case 3: case 4:
        doing = "write";
        for (long i = 0; i < length; i++) want[at + i] = first + i % 249;
        check(pwrite(handle, want + at, length, at) == length, "write");
        break;
      case 5: {
        doing = "map";
        long start = at & ~(page - 1L);
        unsigned char *map = mmap(0, at + length - start, PROT_READ | PROT_WRITE, MAP_SHARED, handle, start);
        check(map != MAP_FAILED, "mmap");
        compare(map + (at - start), at, length);
        for (long i = 0; i < length; i++) map[at - start + i] = want[at + i] = first + i % 241;
        if (pick(3) == 0) check(msync(map, at + length - start, MS_SYNC) == 0, "msync");
        check(munmap(map, at + length - start) == 0, "munmap");
        break;
      }
      case 6:
        doing = "punch";
        check(fallocate(handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length) == 0, "punch");
        memset(want + at, 0, length);
        break;
      default:
        doing = "sync";
        if (pick(10) == 0) check(fsync(handle) == 0, "fsync");
        if (pick(10) == 0) check(close(handle) == 0 && (handle = open(path, O_RDWR)) >= 0, "reopen");
    }
  }
  doing = "last read";
  for (place = from; place < to; place += longest) {
    extent = place + longest < to ? longest : to - place;
    check(pread(handle, got, extent, place) == extent, "read");
    compare(got, place, extent);
  }
  check(close(handle) == 0, "close");
}

int main(int count, char **arguments) {
  char mirror[4096];
  struct stat told;
  int status, failed = 0;
  if (count != 5) return 2;
  int processes = atoi(arguments[4]), handle = open(arguments[1], O_RDONLY);
  check(handle >= 0 && fstat(handle, &told) == 0, "open");
  size = told.st_size;
  want = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  unsigned char *base = mmap(0, size, PROT_READ, MAP_SHARED, handle, 0);
  check(want != MAP_FAILED && base != MAP_FAILED, "mmap");
  /* Each process takes what its part is now; so it is also the first to read it. */
  for (process = 0; process < processes; process++) {
    from = size / processes * process + (process ? 1234 : 0);
    to = process == processes - 1 ? size : size / processes * (process + 1) + 1234;
    if (fork() > 0) continue;
    state = strtoull(arguments[2], 0, 10) * 2654435761u + 88172645463325252ull + process;
    memcpy(want + from, base + from, to - from);
    work(arguments[1], atol(arguments[3]));
    return 0;
  }
  while (wait(&status) > 0) failed |= status;
  if (failed) return 1;
  sprintf(mirror, "%s.mirror", arguments[1]);
  int out = open(mirror, O_CREAT | O_TRUNC | O_WRONLY, 0600);
  check(out >= 0 && write(out, want, size) == size && close(out) == 0, "write the mirror");
  return 0;
}
