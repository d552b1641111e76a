/*
 * handles DIRECTORY COUNT: opens the files f1 to fCOUNT of DIRECTORY all at once, 100,000 bytes each, changes each in its middle,
 * removes every third, and reads all of them back through the same handles. Ends with 1 and says what is wrong.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { most = 20000, length = 100000, middle = 70001 };

static void check(int holds, const char *what, int number) {
  if (holds) return;
  fprintf(stderr, "file %d: ", number);
  perror(what);
  exit(1);
}

int main(int argc, char **arguments) {
  static int handles[most];
  static char bytes[length];
  char name[40];
  if (argc != 3) return 2;
  int count = atoi(arguments[2]);
  struct rlimit limit = {count + 100, count + 100};
  check(count < most && setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit", 0);
  check(chdir(arguments[1]) == 0, "chdir", 0);
  for (int i = 1; i <= count; i++) {
    sprintf(name, "f%d", i);
    check((handles[i] = open(name, O_RDWR)) >= 0, "open", i);
  }
  for (int i = 1; i <= count; i++) {
    int text = sprintf(name, "[%d]", i);
    check(pwrite(handles[i], name, text, middle) == text, "write", i);
    sprintf(name, "f%d", i);
    if (i % 3 == 0) check(unlink(name) == 0, "unlink", i);
  }
  for (int i = count; i >= 1; i--) {
    struct stat told;
    int text = sprintf(name, "[%d]", i);
    check(pread(handles[i], bytes, length, 0) == length, "read", i);
    check(memcmp(bytes + middle, name, text) == 0, "other bytes than were written", i);
    check(bytes[0] == bytes[1] && bytes[length - 1] == bytes[0], "other bytes than there were", i);
    check(fstat(handles[i], &told) == 0 && (int)told.st_nlink == (i % 3 != 0), "link count", i);
    check(close(handles[i]) == 0, "close", i);
  }
  return 0;
}
