/*
 * save PATH TEXT HOW: replaces PATH by a file with TEXT as careful editors do, so that nobody ever sees half of it: written,
 * synced, then renamed over PATH, and its directory synced. HOW is how the new file comes: `named`, or `unnamed` with
 * O_TMPFILE and linkat(2).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

int main(int count, char **arguments) {
  char directory[4096], temporary[4200], link[64];
  if (count != 4) return 2;
  const char *path = arguments[1], *text = arguments[2];
  int unnamed = strcmp(arguments[3], "unnamed") == 0, handle;
  strcpy(directory, path);
  strcpy(directory, dirname(directory));
  sprintf(temporary, "%s/.save-%d", directory, getpid());
  if (unnamed) handle = open(directory, O_TMPFILE | O_RDWR, 0644);
  else handle = open(temporary, O_CREAT | O_EXCL | O_RDWR, 0644);
  check(handle >= 0, "open");
  check(write(handle, text, strlen(text)) == (long)strlen(text), "write");
  check(fsync(handle) == 0, "fsync");
  if (unnamed) {
    sprintf(link, "/proc/self/fd/%d", handle);
    check(linkat(AT_FDCWD, link, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) == 0, "linkat");
  }
  check(rename(temporary, path) == 0, "rename");
  check(close(handle) == 0, "close");
  handle = open(directory, O_RDONLY | O_DIRECTORY);
  check(handle >= 0 && fsync(handle) == 0 && close(handle) == 0, "fsync of the directory");
  return 0;
}
