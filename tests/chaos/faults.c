/* Faults that a process cannot be given from outside, and that no production code has a hook for.

   The gateway of the chaos suite is started with this library before all others (LD_PRELOAD). Real-time
   signals tell it what to do; `preloaded.py` sends them. See signal-safety(7): nothing here allocates. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_int stall_ms;
static atomic_long offset;  // seconds that CLOCK_REALTIME is ahead
static __thread char name;

static int (*real_clock)(clockid_t, struct timespec *);
static ssize_t (*real_recvmsg)(int, struct msghdr *, int);
static int (*real_recvmmsg)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
static int (*real_poll)(struct pollfd *, nfds_t, int);

static void set_stall(int number, siginfo_t *info, void *context)
{
    stall_ms = info->si_value.sival_int;
}

/* A handler runs in the thread that the signal was sent to: it stands still, and no other does. */
static void stall(int number, siginfo_t *info, void *context)
{
    int before = errno;
    struct timespec left = {stall_ms / 1000, stall_ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) && errno == EINTR)
        ;
    errno = before;
}

static void set_clock(int number, siginfo_t *info, void *context)
{
    offset = info->si_value.sival_int;
}

__attribute__((constructor)) static void begin(void)
{
    void (*handlers[])(int, siginfo_t *, void *) = {set_stall, stall, set_clock};
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    real_recvmsg = dlsym(RTLD_NEXT, "recvmsg");
    real_recvmmsg = dlsym(RTLD_NEXT, "recvmmsg");
    real_poll = dlsym(RTLD_NEXT, "poll");
    for (int each = 0; each < 3; each++) {
        struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};
        action.sa_sigaction = handlers[each];
        sigaction(SIGRTMIN + 1 + each, &action, NULL);
    }
}

/* The clock of the wall, and the kernel's own stamps by it. The one of the machine stays as it is. */

int clock_gettime(clockid_t which, struct timespec *now)
{
    int result = real_clock(which, now);
    if (!result && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE))
        now->tv_sec += offset;
    return result;
}

int gettimeofday(struct timeval *now, void *zone)
{
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    now->tv_sec = fine.tv_sec;
    now->tv_usec = fine.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *where)
{
    struct timespec fine;
    clock_gettime(CLOCK_REALTIME, &fine);
    if (where)
        *where = fine.tv_sec;
    return fine.tv_sec;
}

static void shift_stamps(struct msghdr *message)
{
    if (!offset || !message->msg_controllen)
        return;
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each))
        if (each->cmsg_level == SOL_SOCKET && each->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(each), sizeof stamp);
            stamp.tv_sec += offset;
            memcpy(CMSG_DATA(each), &stamp, sizeof stamp);
        }
}

/* Python 3.11 does not tell the kernel its threads' names. What one calls says which it is. */
static void call_it(char first, const char *text)
{
    if (name != first && getpid() != gettid()) {
        name = first;
        prctl(PR_SET_NAME, text);
    }
}

ssize_t recvmsg(int sock, struct msghdr *message, int flags)
{
    ssize_t result = real_recvmsg(sock, message, flags);
    if (result >= 0)
        shift_stamps(message);
    return result;
}

int recvmmsg(int sock, struct mmsghdr *messages, unsigned int most, int flags, struct timespec *limit)
{
    int result = real_recvmmsg(sock, messages, most, flags, limit);
    call_it('m', "media");
    for (int each = 0; each < result; each++)
        shift_stamps(&messages[each].msg_hdr);
    return result;
}

int poll(struct pollfd *waited, nfds_t count, int limit)
{
    if (name != 'm')
        call_it('s', "sip");
    return real_poll(waited, count, limit);
}
