/* Watchdogs of a machine: all that run are held here (watchdog.c). */

/* The one that the first stage armed: its descriptor, or -1. Fed from now on, and never disarmed. */
void watchdog_take(int fd);

/* "NUMBER DEVICE SECONDS", or "NUMBER" alone for no watchdog but the machine's own; the answer is written to `answer`. */
void watchdog_set(char *command, const char *answer);

/* Feeds what is due; milliseconds until something is again, -1 for never. */
long long watchdog_feed(long long now_ms);

/* init.c */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
long long now_ms(void);
