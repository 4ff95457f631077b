// pause holds a pod's namespaces open. It is process 1 of a pod that shares its process
// namespace, so it also reaps: SIGCHLD is ignored, which makes the kernel do that.
//
// No C library: the program is four system calls, and its size is what every pod adds
// to the image and (once, shared) to memory. x86_64 and aarch64 Linux only.

#include <asm/unistd.h>

#define SIGINT 2
#define SIGTERM 15
#define SIGCHLD 17
#define SIG_BLOCK 0

#if defined(__x86_64__)
static long call(long n, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
static long call(long n, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c, x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "pause: unknown architecture"
#endif

// The kernel's struct sigaction, whose first word is the handler (1: ignore).
struct kernel_sigaction {
  unsigned long handler, flags, restorer, mask;
};

__attribute__((noreturn, used)) void _start(void) {
  const struct kernel_sigaction ignore = {1, 0, 0, 0};
  const unsigned long wanted = 1UL << (SIGINT - 1) | 1UL << (SIGTERM - 1);

  // Process 1 gets no signal it has no handler for; waiting for a blocked one works.
  call(__NR_rt_sigaction, SIGCHLD, (long)&ignore, 0, sizeof wanted);
  call(__NR_rt_sigprocmask, SIG_BLOCK, (long)&wanted, 0, sizeof wanted);
  for (;;) {
    long signal = call(__NR_rt_sigtimedwait, (long)&wanted, 0, 0, sizeof wanted);
    if (signal == SIGINT || signal == SIGTERM)
      call(__NR_exit_group, 0, 0, 0, 0);
  }
}
