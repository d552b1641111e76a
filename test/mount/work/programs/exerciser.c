/*
 * exerciser FILE BASE SEED STEPS MIRROR: does random things to FILE, which must equal MIRROR, through several
 * handles and a shared mapping, and the same to its own memory; compares as it goes; leaves what FILE must be in
 * MIRROR. BASE is a file to copy ranges from. Told a difference it prints the last steps and ends with 1.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { max_size = 3 << 20, history = 40, line_length = 120, page = 4096 };

static const char *path;
static unsigned char want[max_size], got[max_size], source[max_size];
static long size, source_size;
static int handles[3], appending, direct, from_base;
static unsigned char *direct_buffer;
static char lines[history][line_length];
static long step;
static unsigned long long state;

static unsigned long pick(unsigned long below) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return below ? (state >> 11) % below : 0;
}

static void fail(const char *format, ...) {
  va_list arguments;
  for (long i = step < history ? 0 : step - history + 1; i <= step; i++)
    fprintf(stderr, "%ld %s\n", i, lines[i % history]);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, " (%s), at step %ld, size %ld\n", errno ? strerror(errno) : "no error", step, size);
  exit(1);
}

static void note(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(lines[step % history], line_length, format, arguments);
  va_end(arguments);
  errno = 0;
}

static int any(void) { return handles[pick(3)]; }

/* An offset from 0 to `below`, often at or beside the edge of a page or of a chunk of 64 KiB. */
static long offset_below(long below) {
  if (below > max_size) below = max_size;
  long at = pick(below + 1);
  long unit = pick(2) ? 65536 : page;
  if (pick(3) == 0) at = at / unit * unit + (long)pick(5) - 2;
  return at < 0 ? 0 : at > below ? below : at;
}

static long length_up_to(long most) {
  static const long caps[] = {10, 600, 5000, 70000, 300000};
  long cap = caps[pick(5)];
  if (cap > most) cap = most;
  return pick(cap + 1);
}

static void fill(unsigned char *at, long length) {
  unsigned char first = pick(256), by = 1 + pick(255);
  for (long i = 0; i < length; i++) at[i] = first + (i * by) % 251;
}

static void compare(const unsigned char *bytes, long at, long length, const char *how) {
  for (long i = 0; i < length; i++)
    if (bytes[i] != want[at + i])
      fail("%s: byte %ld (chunk %ld + %ld) is %d instead of %d", how, at + i, (at + i) >> 16,
           (at + i) & 65535, bytes[i], want[at + i]);
}

static void grow(long to) {
  if (to > size) {
    memset(want + size, 0, to - size);
    size = to;
  }
}

static void read_part(int handle, const char *how) {
  long at = offset_below(size + 100), length = length_up_to(max_size - at);
  note("%s %ld+%ld", how, at, length);
  long expected = at >= size ? 0 : length < size - at ? length : size - at;
  memset(got, 0xEE, length);
  long count = pread(handle, got, length, at);
  if (count != expected) fail("%s of %ld+%ld gave %ld bytes", how, at, length, count);
  compare(got, at, count, how);
}

static void write_part(void) {
  long at = offset_below(size + pick(20000));
  long length = length_up_to(max_size - at);
  note("write %ld+%ld", at, length);
  fill(got, length);
  if (pwrite(any(), got, length, at) != length) fail("write");
  if (length > 0) grow(at + length);
  memcpy(want + at, got, length);
}

static void append(void) {
  long length = length_up_to(max_size - size);
  note("append %ld", length);
  fill(got, length);
  if (write(appending, got, length) != length) fail("append");
  memcpy(want + size, got, length);
  size += length;
}

static void write_direct(void) {
  long at = offset_below(size) & ~4095L, length = (1 + pick(40)) * page;
  if (at + length > max_size) return;
  note("direct write %ld+%ld", at, length);
  fill(direct_buffer, length);
  long count = pwrite(direct, direct_buffer, length, at);
  if (count != length) fail("direct write gave %ld", count);
  grow(at + length);
  memcpy(want + at, direct_buffer, length);
}

static void read_direct(void) {
  long at = offset_below(size) & ~4095L, length = (1 + pick(40)) * page;
  note("direct read %ld+%ld", at, length);
  long expected = at >= size ? 0 : length < size - at ? length : size - at;
  long count = pread(direct, direct_buffer, length, at);
  if (count != expected) fail("direct read gave %ld instead of %ld", count, expected);
  compare(direct_buffer, at, count, "direct read");
}

static void change_size(void) {
  long to = pick(3) ? offset_below(size) : offset_below(max_size);
  note("truncate %ld", to);
  if (ftruncate(any(), to)) fail("truncate");
  if (to > size) grow(to);
  size = to;
}

static void begin_anew(void) {
  note("open with O_TRUNC");
  int handle = open(path, O_WRONLY | O_TRUNC);
  if (handle < 0 || close(handle)) fail("open with O_TRUNC");
  size = 0;
}

static void use_map(int writes) {
  if (size == 0) return;
  long at = offset_below(size - 1), length = 1 + length_up_to(size - at - 1);
  long start = at & ~4095L, span = at + length - start;
  note("map, %s %ld+%ld", writes ? "write" : "read", at, length);
  unsigned char *map = mmap(0, span, PROT_READ | PROT_WRITE, MAP_SHARED, any(), start);
  if (map == MAP_FAILED) fail("mmap");
  compare(map + (at - start), at, length, "map");
  if (writes) {
    fill(want + at, length);
    memcpy(map + (at - start), want + at, length);
    if (pick(2) && msync(map, span, MS_SYNC)) fail("msync");
    if (pick(4) == 0) {
      /* What was put into the map is there for read(2) before it is synced. */
      if (pread(any(), got, length, at) != length) fail("read under a map");
      compare(got, at, length, "read under a map");
    }
  }
  if (munmap(map, span)) fail("munmap");
}

static void allocate(void) {
  static const int modes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                              FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                              FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
  int mode = modes[pick(6)];
  long at = offset_below(size + 1000), length = 1 + length_up_to(max_size - at - 1);
  if (at + length > max_size) return;
  note("fallocate mode %d %ld+%ld", mode, at, length);
  if (fallocate(any(), mode, at, length)) fail("fallocate");
  if (!(mode & FALLOC_FL_KEEP_SIZE)) grow(at + length);
  if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && at < size)
    memset(want + at, 0, at + length < size ? length : size - at);
}

static void copy_inside(void) {
  long at = offset_below(size), to = offset_below(size + 5000), length = length_up_to(max_size - to);
  long expected = length < size - at ? length : size - at;
  if (labs(at - to) < expected) return;
  note("copy %ld+%ld to %ld", at, length, to);
  loff_t in = at, out = to;
  for (long done = 0; done < expected;) {
    long count = copy_file_range(handles[0], &in, handles[1], &out, expected - done, 0);
    if (count <= 0) fail("copy gave %ld after %ld", count, done);
    done += count;
  }
  if (expected > 0) grow(to + expected);
  memmove(want + to, want + at, expected);
}

static void copy_from_base(void) {
  long at = offset_below(source_size), to = pick(2) ? at : offset_below(size + 5000);
  long length = pick(4) ? length_up_to(source_size - at) : source_size - at;
  if (to + length > max_size) length = max_size - to;
  note("copy %ld+%ld of the base to %ld", at, length, to);
  loff_t in = at, out = to;
  for (long done = 0; done < length;) {
    long count = copy_file_range(from_base, &in, any(), &out, length - done, 0);
    if (count <= 0) fail("copy of the base gave %ld after %ld", count, done);
    done += count;
  }
  if (length > 0) grow(to + length);
  memcpy(want + to, source + at, length);
}

static void seek_holes(void) {
  note("seek data and holes");
  long at = 0;
  while (at < size) {
    long data = lseek(handles[0], at, SEEK_DATA);
    if (data < 0 && errno != ENXIO) fail("seek data from %ld", at);
    errno = 0;
    if (data < 0) data = size;
    if (data < at || data > size) fail("data from %ld on at %ld", at, data);
    for (long i = at; i < data; i++)
      if (want[i]) fail("byte %ld is said to be in a hole from %ld to %ld", i, at, data);
    if (data == size) return;
    long hole = lseek(handles[0], data, SEEK_HOLE);
    if (hole <= data || hole > size) fail("hole from %ld on at %ld", data, hole);
    at = hole;
  }
}

static void check_all(void) {
  note("compare all");
  struct stat told;
  if (fstat(any(), &told) || told.st_size != size) fail("size is %ld", (long)told.st_size);
  if (stat(path, &told) || told.st_size != size) fail("size by path is %ld", (long)told.st_size);
  if (pread(any(), got, max_size, 0) != size) fail("read of all");
  compare(got, 0, size, "all");
}

static void open_all(void) {
  for (int i = 0; i < 3; i++)
    if ((handles[i] = open(path, O_RDWR)) < 0) fail("open");
  if ((appending = open(path, O_WRONLY | O_APPEND)) < 0) fail("open for appending");
  if ((direct = open(path, O_RDWR | O_DIRECT)) < 0) fail("open for direct transfer");
}

static void close_all(void) {
  for (int i = 0; i < 3; i++)
    if (close(handles[i])) fail("close");
  if (close(appending) || close(direct)) fail("close");
}

static void reopen(void) {
  note("close and open");
  close_all();
  open_all();
}

/* Copies the whole file, as cp does, and goes on with the copy in the file's place. */
static void replace_by_copy(void) {
  char copy[4096];
  snprintf(copy, sizeof copy, "%s.copy", path);
  note("replace by a copy");
  int to = open(copy, O_RDWR | O_CREAT | O_TRUNC, 0600);
  if (to < 0) fail("create the copy");
  loff_t in = 0;
  for (long done = 0; done < size;) {
    long count = copy_file_range(handles[0], &in, to, 0, size - done, 0);
    if (count <= 0) fail("copy of all gave %ld after %ld", count, done);
    done += count;
  }
  if (close(to)) fail("close the copy");
  if (rename(copy, path)) fail("rename the copy");
  close_all();
  open_all();
  check_all();
}

static void do_step(void) {
  switch (pick(40)) {
    case 0: case 1: case 2: case 3: case 4: case 5: return read_part(any(), "read");
    case 6: case 7: case 8: case 9: case 10: case 11: return write_part();
    case 12: return append();
    case 13: case 14: return write_direct();
    case 15: case 16: return read_direct();
    case 17: case 18: return change_size();
    case 19: return pick(20) ? change_size() : begin_anew();
    case 20: case 21: case 22: return use_map(0);
    case 23: case 24: case 25: return use_map(1);
    case 26: case 27: case 28: case 29: return allocate();
    case 30: case 31: return copy_inside();
    case 32: case 33: case 34: return copy_from_base();
    case 35: return seek_holes();
    case 36: return reopen();
    case 37: return check_all();
    case 38:
      note("fsync");
      if (pick(3) == 0 && fsync(any())) fail("fsync");
      return;
    default:
      if (pick(5) == 0) replace_by_copy();
  }
}

static long load(const char *from, unsigned char *into) {
  int handle = open(from, O_RDONLY);
  long length = 0, count;
  if (handle < 0) fail("open %s", from);
  while ((count = read(handle, into + length, max_size - length)) > 0) length += count;
  if (count < 0 || close(handle)) fail("read %s", from);
  return length;
}

int main(int count, char **arguments) {
  if (count != 6) return 2;
  path = arguments[1];
  state = strtoull(arguments[3], 0, 10) * 2654435761u + 88172645463325252ull;
  long steps = atol(arguments[4]);
  note("begin");
  source_size = load(arguments[2], source);
  size = load(arguments[5], want);
  if (posix_memalign((void **)&direct_buffer, page, 41 * page)) fail("no memory");
  if ((from_base = open(arguments[2], O_RDONLY)) < 0) fail("open the base's file");
  open_all();
  check_all();
  for (step = 1; step <= steps; step++) {
    note("nothing");
    do_step();
  }
  note("end");
  check_all();
  close_all();
  int mirror = open(arguments[5], O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (mirror < 0 || write(mirror, want, size) != size || close(mirror)) fail("write the mirror");
  return 0;
}
