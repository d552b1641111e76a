/*
 * listing empty DIRECTORY: removes every file of DIRECTORY in one pass while it is being read. listing steady DIRECTORY: reads
 * DIRECTORY, which has the files k0 to kN, while it removes half of them and makes others; those that stay must come exactly
 * once. listing again DIRECTORY: goes back to every place telldir(3) told and finds the same name there. Prints how many.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { most = 100000 };

static int seen[most];

static void check(int holds, const char *what) {
  if (holds) return;
  perror(what);
  exit(1);
}

static struct dirent *next(DIR *directory) {
  struct dirent *entry;
  errno = 0;
  do entry = readdir(directory);
  while (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
  check(entry || errno == 0, "readdir");
  return entry;
}

static long empty(DIR *directory) {
  long count = 0;
  for (struct dirent *entry; (entry = next(directory)); count++)
    check(unlinkat(dirfd(directory), entry->d_name, 0) == 0, entry->d_name);
  return count;
}

static long steady(DIR *directory) {
  long count = 0;
  char name[40];
  for (struct dirent *entry; (entry = next(directory)); count++) {
    if (entry->d_name[0] != 'k') continue;
    int number = atoi(entry->d_name + 1);
    struct stat told;
    check(++seen[number] == 1, "a name came twice");
    /* Odd ones go: this one, and one that may come later. */
    if (number % 2) unlinkat(dirfd(directory), entry->d_name, 0);
    sprintf(name, "k%d", (number * 7 + 1) % 5000 | 1);
    if (number % 3 == 0) unlinkat(dirfd(directory), name, 0);
    sprintf(name, "new%d", number);
    int made = openat(dirfd(directory), name, O_CREAT | O_WRONLY, 0600);
    check(made >= 0 && close(made) == 0, "create");
    if (number % 2 == 0) {
      check(fstatat(dirfd(directory), entry->d_name, &told, 0) == 0, "stat");
      check(told.st_ino == entry->d_ino, "d_ino is not st_ino");
    }
  }
  rewinddir(directory);
  while (next(directory)) continue;
  for (int i = 0; i < most; i += 2) {
    sprintf(name, "k%d", i);
    int there = faccessat(dirfd(directory), name, F_OK, 0) == 0;
    check(seen[i] == there, "a name that stays did not come");
  }
  return count;
}

static long again(DIR *directory) {
  static long places[most];
  static char names[most][16];
  long count = 0;
  for (;; count++) {
    places[count] = telldir(directory);
    struct dirent *entry = next(directory);
    if (!entry) break;
    strncpy(names[count], entry->d_name, 15);
  }
  for (long step = 0, i = count / 2; step < 500; step++, i = (i * 31 + 17) % count) {
    seekdir(directory, places[i]);
    struct dirent *entry = next(directory);
    check(entry && strcmp(entry->d_name, names[i]) == 0, "another name at the same place");
  }
  return count;
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  DIR *directory = opendir(arguments[2]);
  check(directory != 0, "opendir");
  long found = strcmp(arguments[1], "empty") == 0    ? empty(directory)
               : strcmp(arguments[1], "steady") == 0 ? steady(directory)
                                                     : again(directory);
  printf("%ld\n", found);
  return 0;
}
