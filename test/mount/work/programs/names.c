/*
 * names same DIRECTORY MIRROR SEED STEPS [UID]: does random things to names, links and attributes in DIRECTORY and the same in
 * MIRROR, on another file system, as the user UID; both must answer alike. names storm DIRECTORY SEED STEPS PROCESSES: several processes do so in
 * one DIRECTORY; only errors that their meeting can cause may come of it. Ends with 1 and says what is wrong.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { held = 6, history = 25 };

static unsigned long long state;
static long step;
static char lines[history][400];
/* Directories to work in, one or two of them, and files held open in each. */
static int roots[2], places, open_files[2][held];

static unsigned long pick(unsigned long below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (state >> 11) % below;
}

static void fail(const char *what) {
  for (long i = step < history ? 1 : step - history + 1; i <= step; i++)
    fprintf(stderr, "%ld %s\n", i, lines[i % history]);
  fprintf(stderr, "%s, at step %ld\n", what, step);
  exit(1);
}

/* A path of one to four names; the first ones are those that the base has. */
static void choose(char *path) {
  static const char *const names[] = {"a", "b", "c", "d", "e", "lib", "file", "ü", "x y"};
  int depth = 1 + pick(3) + (pick(6) == 0);
  *path = 0;
  for (int i = 0; i < depth; i++) {
    if (i) strcat(path, "/");
    strcat(path, pick(40) ? names[pick(9)] : pick(2) ? ".." : ".");
  }
  /* Nothing may lead out of the directory. */
  if (strstr(path, "..")) strcpy(path, "lib/../a");
}

struct call {
  int kind, mode, slot, flags;
  long number;
  char path[200], other[200];
};

/* Does a call in one of the places and tells its outcome: what it gave, or the negative errno. */
static long perform(const struct call *call, int place) {
  int at = roots[place], handle, *slot = &open_files[place][call->slot];
  struct stat told;
  struct timespec times[2] = {{call->number, 5}, {call->number * 3, 123456789}};
  char text[300], temporary[64];
  long result = 0;
  errno = 0;
  switch (call->kind) {
    case 0: result = mkdirat(at, call->path, call->mode); break;
    case 1: result = unlinkat(at, call->path, 0); break;
    case 2: result = unlinkat(at, call->path, AT_REMOVEDIR); break;
    case 3: result = renameat2(at, call->path, at, call->other, call->flags); break;
    case 4: result = linkat(at, call->path, at, call->other, 0); break;
    case 5: result = symlinkat(call->other, at, call->path); break;
    case 6: result = mknodat(at, call->path, S_IFIFO | call->mode, 0); break;
    case 7:
      handle = openat(at, call->path, O_CREAT | O_WRONLY | O_NONBLOCK | (call->flags == 1 ? O_EXCL : call->flags == 2 ? O_TRUNC : 0), call->mode);
      result = handle;
      if (handle >= 0) result = pwrite(handle, call->path, strlen(call->path), call->number % 200000), close(handle);
      break;
    case 8: result = fchmodat(at, call->path, call->mode, 0); break;
    case 9: result = utimensat(at, call->path, times, AT_SYMLINK_NOFOLLOW); break;
    case 10: result = fchownat(at, call->path, call->number % 7, call->number % 5, AT_SYMLINK_NOFOLLOW); break;
    case 11:
      result = fstatat(at, call->path, &told, AT_SYMLINK_NOFOLLOW);
      if (result == 0) {
        int is_directory = S_ISDIR(told.st_mode);
        result = told.st_mode * 31L + told.st_nlink * 7 + (is_directory ? 0 : told.st_size * 131) + told.st_uid * 3 + told.st_gid;
      }
      break;
    case 12:
      result = readlinkat(at, call->path, text, sizeof text);
      break;
    case 13:
      handle = openat(at, call->path, O_RDONLY | O_NONBLOCK);
      if (handle < 0) { result = -1; break; }
      for (long count, at = 0; (count = pread(handle, text, sizeof text, at)) > 0; at += count)
        for (long i = 0; i < count; i++) result = (result * 31 + (unsigned char)text[i]) & 0xffffff;
      close(handle);
      break;
    case 14: {
      handle = openat(at, call->path, O_RDONLY | O_DIRECTORY);
      if (handle < 0) { result = -1; break; }
      DIR *directory = fdopendir(handle);
      for (struct dirent *entry; (entry = readdir(directory));) {
        long sum = entry->d_type;
        for (char *c = entry->d_name; *c; c++) sum = (sum * 31 + (unsigned char)*c) & 0xffffff;
        result += sum;
      }
      closedir(directory);
      errno = 0;
      break;
    }
    case 15:
      if (*slot >= 0) close(*slot);
      errno = 0;
      *slot = openat(at, call->path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
      result = *slot < 0 ? -1 : 0;
      break;
    case 16:
      if (*slot < 0) break;
      result = pwrite(*slot, call->other, strlen(call->other), call->number % 100000);
      if (result < 0 && errno == ESPIPE) result = 0;
      if (fstat(*slot, &told) == 0) result += told.st_nlink * 1000 + told.st_size * 10000;
      break;
    case 17:
      handle = openat(at, call->path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW);
      result = handle < 0 ? -1 : ftruncate(handle, call->number % 150000);
      if (handle >= 0) close(handle);
      break;
    case 18: case 19: {
      int flags = call->flags == 1 ? XATTR_CREATE : call->flags == 2 ? XATTR_REPLACE : 0;
      handle = openat(at, call->path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
      if (handle < 0) { result = -1; break; }
      if (call->kind == 18 && call->mode % 3 == 0) result = fremovexattr(handle, "user.name");
      else if (call->kind == 18) result = fsetxattr(handle, "user.name", call->other, strlen(call->other), flags);
      else result = fgetxattr(handle, "user.name", text, sizeof text);
      close(handle);
      break;
    }
    case 20:
      handle = openat(at, call->path, O_TMPFILE | O_RDWR, call->mode);
      if (handle < 0) { result = -1; break; }
      result = write(handle, "unnamed", 7);
      sprintf(temporary, "/proc/self/fd/%d", handle);
      if (call->flags) result = linkat(AT_FDCWD, temporary, at, call->other, AT_SYMLINK_FOLLOW);
      close(handle);
      break;
    default: result = faccessat(at, call->path, F_OK, 0);
  }
  return result < 0 ? -errno : result;
}

static const char *const words[] = {
  "mkdir", "unlink", "rmdir", "rename", "link", "symlink", "mkfifo", "create", "chmod", "utimens", "chown", "stat",
  "readlink", "read", "list", "open", "write to open", "truncate", "setxattr", "getxattr", "unnamed", "access",
};

static struct call next_call(void) {
  struct call call = {.kind = pick(22), .mode = pick(010000), .slot = pick(held), .flags = pick(3), .number = pick(1 << 20)};
  if (pick(3) == 0) call.kind = pick(2) ? 3 : 11;
  /* Or its owner, unless that is root, soon comes nowhere. */
  if (pick(8)) call.mode |= 0700;
  choose(call.path);
  choose(call.other);
  sprintf(lines[step % history], "%s %s %s mode %o flags %d number %ld slot %d", words[call.kind], call.path, call.other,
          call.mode, call.flags, call.number, call.slot);
  return call;
}

static int may_come_of_meeting(long outcome) {
  static const int errors[] = {ENOENT, EEXIST, ENOTDIR, EISDIR, ENOTEMPTY, EINVAL, ELOOP, EPERM, EXDEV, ENXIO, ENODATA, EBUSY, EMLINK, EAGAIN, ENODEV, EPIPE, ESPIPE};
  if (outcome >= 0) return 1;
  for (unsigned i = 0; i < sizeof errors / sizeof *errors; i++)
    if (outcome == -errors[i]) return 1;
  return 0;
}

static void work(long steps) {
  memset(open_files, -1, sizeof open_files);
  for (step = 1; step <= steps; step++) {
    struct call call = next_call();
    long outcome = perform(&call, 0);
    if (places == 1) {
      sprintf(lines[step % history] + strlen(lines[step % history]), " -> %s", outcome < 0 ? strerror(-outcome) : "done");
      if (!may_come_of_meeting(outcome)) fail("this error should not come");
      continue;
    }
    long expected = perform(&call, 1);
    sprintf(lines[step % history] + strlen(lines[step % history]), " -> %ld", outcome);
    if (outcome != expected) {
      fprintf(stderr, "%ld (%s) instead of %ld (%s)\n", outcome, outcome < 0 ? strerror(-outcome) : "done", expected,
              expected < 0 ? strerror(-expected) : "done");
      fail("the file systems differ");
    }
  }
}

static int directory_at(const char *path) {
  int handle = open(path, O_RDONLY | O_DIRECTORY);
  if (handle < 0) perror(path), exit(1);
  return handle;
}

static void seed(const char *text, int process) {
  state = strtoull(text, 0, 10) * 2654435761u + 88172645463325252ull + process * 977;
}

int main(int count, char **arguments) {
  umask(0);
  if (count != 6 && count != 7) return 2;
  roots[0] = directory_at(arguments[2]);
  if (strcmp(arguments[1], "same") == 0) {
    places = 2;
    roots[1] = directory_at(arguments[3]);
    seed(arguments[4], 0);
    /* The user is in one group besides the own one, as chown(2) and setgid bits ask. */
    if (count == 7) {
      gid_t group = 3;
      uid_t user = atoi(arguments[6]);
      if (setgroups(1, &group) || setgid(user) || setuid(user)) fail("cannot become another user");
    }
    work(atol(arguments[5]));
    return 0;
  }
  places = 1;
  int processes = atoi(arguments[5]), status;
  for (int process = 0; process < processes; process++) {
    if (fork() > 0) continue;
    seed(arguments[3], process);
    work(atol(arguments[4]));
    return 0;
  }
  while (wait(&status) > 0)
    if (status != 0) return 1;
  return 0;
}
