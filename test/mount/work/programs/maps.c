/*
 * maps share FILE: two processes write to one shared mapping of FILE in turns, see each other's bytes, and both
 * are read back. maps cut FILE: FILE is cut off under a mapping, which gives SIGBUS beyond the end and zeros where it grows
 * again. FILE has 64 pages. Ends with 1 and says what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { page = 4096, pages = 64 };

static sigjmp_buf fault;

static void check(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s (%s)\n", what, strerror(errno));
  exit(1);
}

static unsigned char *map_all(int handle) {
  unsigned char *map = mmap(0, pages * page, PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
  check(map != MAP_FAILED, "mmap");
  return map;
}

/* Each side writes every second page, and says so over its pipe; the other one looks at it. */
static void take_turns(unsigned char *map, int side, int hear, int say) {
  for (int round = 1; round <= 50; round++) {
    char word = 0;
    if (side == 1 || round > 1) check(read(hear, &word, 1) == 1, "the other one has ended");
    for (int i = 1 - side; i < pages; i += 2) {
      int expected = side == 0 ? round - 1 : round;
      if (expected > 0) 
        check(map[i * page + 7] == (unsigned char)(expected + i), "a page is not what the other one wrote");
    }
    for (int i = side; i < pages; i += 2) memset(map + i * page, round + i, page);
    if (round % 10 == 0) check(msync(map, pages * page, MS_SYNC) == 0, "msync");
    check(write(say, "x", 1) == 1, "the other one does not listen");
  }
}

static void share(const char *path) {
  int there[2], back[2], status, handle = open(path, O_RDWR);
  check(handle >= 0 && pipe(there) == 0 && pipe(back) == 0, "open");
  pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    int own = open(path, O_RDWR);
    check(own >= 0, "open");
    take_turns(map_all(own), 1, there[0], back[1]);
    exit(0);
  }
  unsigned char *map = map_all(handle);
  take_turns(map, 0, back[0], there[1]);
  check(waitpid(child, &status, 0) == child && status == 0, "the other process failed");
  unsigned char bytes[page];
  for (int i = 0; i < pages; i++) {
    check(pread(handle, bytes, page, i * page) == page, "read");
    for (int k = 0; k < page; k++) check(bytes[k] == (unsigned char)(50 + i), "a byte read is not what was mapped");
  }
  /* What is written shows in the mapping at once. */
  check(pwrite(handle, "written", 7, 10 * page) == 7, "write");
  check(memcmp(map + 10 * page, "written", 7) == 0, "the mapping does not show what was written");
  check(close(handle) == 0, "close");
  /* A mapping outlives its descriptor. */
  memset(map + 11 * page, 'm', page);
  check(munmap(map, pages * page) == 0, "munmap");
}

static void on_fault(int signal) {
  (void)signal;
  siglongjmp(fault, 1);
}

static int faults(volatile unsigned char *at) {
  if (sigsetjmp(fault, 1)) return 1;
  *at = 'x';
  return 0;
}

static void cut(const char *path) {
  struct sigaction action = {.sa_handler = on_fault};
  int handle = open(path, O_RDWR);
  check(handle >= 0 && sigaction(SIGBUS, &action, 0) == 0, "open");
  unsigned char *map = map_all(handle);
  memset(map, 'a', pages * page);
  check(truncate(path, 3 * page + 100) == 0, "truncate");
  check(!faults(map + 3 * page + 50), "the last page cannot be written");
  check(faults(map + 4 * page), "no SIGBUS behind the end");
  check(faults(map + 40 * page), "no SIGBUS far behind the end");
  check(ftruncate(handle, pages * page) == 0, "grow");
  check(!faults(map + 40 * page), "SIGBUS although the file has grown");
  for (int i = 3 * page + 100; i < pages * page; i++)
    check(map[i] == (i == 40 * page ? 'x' : 0), "a byte is back that was cut off");
  for (int i = 0; i < 3 * page + 100; i++)
    check(map[i] == (i == 3 * page + 50 ? 'x' : 'a'), "a byte changed that was not cut off");
  check(munmap(map, pages * page) == 0 && close(handle) == 0, "munmap");
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  alarm(100);
  if (strcmp(arguments[1], "share") == 0) share(arguments[2]);
  else cut(arguments[2]);
  return 0;
}
