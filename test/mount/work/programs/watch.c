/*
 * watch DIRECTORY SCRIPT: runs SCRIPT with the shell while it watches DIRECTORY with inotify(7), and prints what it was told
 * of names in it until the script has ended, an event a line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <fcntl.h>

static const struct { unsigned mask; const char *word; } words[] = {
  {IN_CREATE, "created"}, {IN_DELETE, "deleted"}, {IN_CLOSE_WRITE, "written"},
  {IN_MOVED_FROM, "moved from"}, {IN_MOVED_TO, "moved to"}, {IN_ATTRIB, "attributes"},
};

int main(int count, char **arguments) {
  unsigned mask = 0;
  static char events[1 << 20];
  if (count != 3) return 2;
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) mask |= words[i].mask;
  int watcher = inotify_init1(IN_NONBLOCK);
  if (watcher < 0 || inotify_add_watch(watcher, arguments[1], mask) < 0) return perror("inotify"), 1;
  /* Events are queued by the calls that cause them, so all of them are there when the script has ended. */
  if (system(arguments[2]) != 0) return 1;
  for (long length; (length = read(watcher, events, sizeof events)) > 0;) {
    for (char *at = events; at < events + length;) {
      struct inotify_event *event = (void *)at;
      for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (event->mask & words[i].mask) printf("%s %s\n", words[i].word, event->len ? event->name : ".");
      at += sizeof *event + event->len;
    }
  }
  return 0;
}
