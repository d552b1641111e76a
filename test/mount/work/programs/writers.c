/*
 * Several processes at one file. writers append FILE PROCESSES RECORDS: each appends records of odd lengths, which must all
 * be there, whole and in each one's order. writers flock|fcntl FILE PROCESSES ROUNDS: each adds one to the number in FILE
 * under a lock. Ends with 1 and says what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

enum { longest = 5000 };

static void check(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "%s (%s)\n", what, strerror(errno));
  exit(1);
}

static int length_of(int process, int record) { return 20 + (process * 131 + record * 977) % (longest - 20); }

static void append(const char *path, int process, int records) {
  char bytes[longest];
  int handle = open(path, O_WRONLY | O_APPEND);
  check(handle >= 0, "open");
  for (int record = 0; record < records; record++) {
    int length = length_of(process, record);
    memset(bytes, 'a' + process, length);
    int head = sprintf(bytes, "%d %d ", process, record);
    bytes[head] = 'a' + process;
    bytes[length - 1] = '\n';
    check(write(handle, bytes, length) == length, "write");
  }
  check(close(handle) == 0, "close");
}

static void check_appended(const char *path, int processes, int records) {
  int next[64] = {0}, process, record;
  char line[longest + 2];
  FILE *file = fopen(path, "r");
  check(file != 0, "open");
  while (fgets(line, sizeof line, file)) {
    check(sscanf(line, "%d %d ", &process, &record) == 2 && process < processes, "a torn record");
    check(record == next[process]++, "a record is missing or out of order");
    check((int)strlen(line) == length_of(process, record), "a record of another length");
    char *at = strrchr(line, ' ') + 1;
    for (; *at != '\n'; at++) check(*at == 'a' + process, "a torn record");
  }
  for (int i = 0; i < processes; i++) check(next[i] == records, "records are missing");
  fclose(file);
}

static void lock(int handle, int posix, int takes) {
  struct flock range = {.l_type = takes ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_len = 10};
  if (posix) check(fcntl(handle, F_SETLKW, &range) == 0, "fcntl");
  else check(flock(handle, takes ? LOCK_EX : LOCK_UN) == 0, "flock");
}

static void count(const char *path, int posix, int rounds) {
  char digits[20];
  int handle = open(path, O_RDWR);
  check(handle >= 0, "open");
  for (int round = 0; round < rounds; round++) {
    lock(handle, posix, 1);
    memset(digits, 0, sizeof digits);
    check(pread(handle, digits, 10, 0) >= 0, "read");
    int length = sprintf(digits, "%09d", atoi(digits) + 1);
    check(pwrite(handle, digits, length, 0) == length, "write");
    lock(handle, posix, 0);
  }
}

static void check_counted(const char *path, int expected) {
  char digits[20] = {0};
  int handle = open(path, O_RDONLY);
  check(handle >= 0 && read(handle, digits, 10) > 0, "read");
  if (atoi(digits) != expected) fprintf(stderr, "%s instead of %d\n", digits, expected);
  check(atoi(digits) == expected, "turns were lost");
}

int main(int argc, char **arguments) {
  if (argc != 5) return 2;
  const char *what = arguments[1], *path = arguments[2];
  int processes = atoi(arguments[3]), each = atoi(arguments[4]), status;
  int appends = strcmp(what, "append") == 0;
  alarm(100);
  for (int process = 0; process < processes; process++) {
    if (fork() > 0) continue;
    alarm(100);
    if (appends) append(path, process, each);
    else count(path, strcmp(what, "fcntl") == 0, each);
    return 0;
  }
  for (int i = 0; i < processes; i++) check(wait(&status) > 0 && status == 0, "a process failed");
  if (appends) check_appended(path, processes, each);
  else check_counted(path, processes * each);
  return 0;
}
