/*
 * What the mount benchmark times: a program of its own, which calls the kernel and measures nothing of Node.
 * Each run does one thing, says how many operations it did and how many nanoseconds they took, and checks what it got:
 * a file system that answers wrongly must not look fast.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *doing = "start";

static void fail(const char *path) {
  fprintf(stderr, "%s %s: %s\n", doing, path, strerror(errno));
  exit(1);
}

static long long now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void tell(long long operations, long long start_ns) {
  printf("{\"operations\":%lld,\"ns\":%lld}\n", operations, now_ns() - start_ns);
}

/* The file `number` of a directory, as the benchmark's trees have them. */
static char *file_in(const char *directory, const char *prefix, long number) {
  static char path[4096];
  snprintf(path, sizeof path, "%s/%s%05ld", directory, prefix, number);
  return path;
}

static void stat_all(const char *directory, long count) {
  struct stat found;
  for (long i = 0; i < count; i++) {
    char *path = file_in(directory, "f", i);
    if (stat(path, &found) != 0) fail(path);
  }
}

static void read_all(const char *directory, long count) {
  static char bytes[4096];
  for (long i = 0; i < count; i++) {
    char *path = file_in(directory, "f", i);
    int file = open(path, O_RDONLY);
    if (file < 0 || read(file, bytes, sizeof bytes) != sizeof bytes) fail(path);
    if (close(file) != 0) fail(path);
  }
}

static void miss_all(const char *directory, const char *prefix, long count) {
  struct stat found;
  for (long i = 0; i < count; i++) {
    char *path = file_in(directory, prefix, i);
    if (stat(path, &found) == 0) {
      errno = EEXIST;
      fail(path);
    }
    if (errno != ENOENT) fail(path);
  }
}

static void create_all(const char *directory, long count) {
  static char bytes[4096];
  memset(bytes, 'x', sizeof bytes);
  for (long i = 0; i < count; i++) {
    char *path = file_in(directory, "n", i);
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (file < 0 || write(file, bytes, sizeof bytes) != sizeof bytes) fail(path);
    if (close(file) != 0) fail(path);
  }
}

/* As `ls -l` does: every name, and what it means. */
static long list(const char *directory) {
  DIR *open_directory = opendir(directory);
  if (open_directory == NULL) fail(directory);
  struct dirent *entry;
  struct stat found;
  long count = 0;
  while ((entry = readdir(open_directory)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    int failed = fstatat(dirfd(open_directory), entry->d_name, &found, AT_SYMLINK_NOFOLLOW);
    if (failed) fail(entry->d_name);
    count++;
  }
  closedir(open_directory);
  return count;
}

static long long read_through(const char *path) {
  static char bytes[1 << 20];
  int file = open(path, O_RDONLY);
  if (file < 0) fail(path);
  long long total = 0;
  for (;;) {
    ssize_t length = read(file, bytes, sizeof bytes);
    if (length < 0) fail(path);
    if (length == 0) break;
    total += length;
  }
  close(file);
  return total;
}

static void write_through(const char *path, long long length, size_t piece) {
  static char bytes[1 << 20];
  memset(bytes, 'y', sizeof bytes);
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) fail(path);
  for (long long done = 0; done < length; done += piece) {
    if (write(file, bytes, piece) != (ssize_t)piece) fail(path);
  }
  if (close(file) != 0) fail(path);
}

static void read_at_random(const char *path, long count) {
  static char bytes[4096];
  int file = open(path, O_RDONLY);
  struct stat found;
  if (file < 0 || fstat(file, &found) != 0) fail(path);
  posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
  unsigned long long state = 88172645463325252ULL;
  for (long i = 0; i < count; i++) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    off_t offset = (off_t)(state % (unsigned long long)(found.st_size / 4096)) * 4096;
    if (pread(file, bytes, sizeof bytes, offset) != sizeof bytes) fail(path);
  }
  close(file);
}

static void write_one_byte(const char *path, long long offset) {
  int file = open(path, O_WRONLY);
  if (file < 0 || pwrite(file, "!", 1, offset) != 1) fail(path);
  if (fsync(file) != 0 || close(file) != 0) fail(path);
}

/* Drops what memory holds of a file, and of nothing else on this machine. */
static void evict(const char *path) {
  int file = open(path, O_RDONLY);
  if (file < 0 || fsync(file) != 0) fail(path);
  errno = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  if (errno != 0) fail(path);
  close(file);
}

int main(int count, char **words) {
  if (count < 3) {
    fprintf(stderr, "use: client OPERATION PATH [COUNT] [PASSES or PREFIX]\n");
    return 2;
  }
  doing = words[1];
  const char *path = words[2];
  long long number = count > 3 ? atoll(words[3]) : 0;
  const char *word = count > 4 ? words[4] : "1";
  long passes = atol(word);
  long long start = now_ns();
  if (strcmp(doing, "stat") == 0) {
    stat_all(path, number);
    start = now_ns();
    for (long pass = 0; pass < passes; pass++) stat_all(path, number);
    tell(passes * number, start);
  } else if (strcmp(doing, "open-read") == 0) {
    read_all(path, number);
    start = now_ns();
    for (long pass = 0; pass < passes; pass++) read_all(path, number);
    tell(passes * number, start);
  } else if (strcmp(doing, "absent") == 0) {
    miss_all(path, word, number);
    tell(number, start);
  } else if (strcmp(doing, "create") == 0) {
    create_all(path, number);
    tell(number, start);
  } else if (strcmp(doing, "list") == 0) {
    long entries = list(path);
    tell(entries, start);
  } else if (strcmp(doing, "read") == 0) {
    long long bytes = read_through(path);
    tell(bytes, start);
  } else if (strcmp(doing, "write") == 0) {
    write_through(path, number, 1 << 20);
    tell(number, start);
  } else if (strcmp(doing, "write-small") == 0) {
    write_through(path, number, 512);
    tell(number, start);
  } else if (strcmp(doing, "read-random") == 0) {
    read_at_random(path, number);
    tell(number, start);
  } else if (strcmp(doing, "poke") == 0) {
    write_one_byte(path, number);
    tell(1, start);
  } else if (strcmp(doing, "rename") == 0) {
    if (rename(path, words[3]) != 0) {
      printf("{\"operations\":0,\"ns\":0,\"error\":\"%s\"}\n", strerrorname_np(errno));
      return 0;
    }
    tell(1, start);
  } else if (strcmp(doing, "evict") == 0) {
    evict(path);
    tell(1, start);
  } else {
    fprintf(stderr, "client: %s is no operation\n", doing);
    return 2;
  }
  return 0;
}
