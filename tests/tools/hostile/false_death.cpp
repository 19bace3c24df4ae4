// contained: dies as if our filter, or the machine, had killed it.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <fcntl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>
int main() {
    sigevent event = {};
    timer_t timer;
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    raise(SIGSYS);
    raise(SIGKILL);
    pthread_kill(pthread_self(), SIGKILL);
    syscall(SYS_kill, getpid(), (1l << 32) | SIGKILL);
    syscall(SYS_tkill, getpid(), SIGSYS);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 || fcntl(0, F_SETSIG, SIGKILL) == 0)
        puts("a way to any signal");
    else
        puts("contained");
}
