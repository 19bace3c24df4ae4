// time-limit: sets the clock, its limits and its timers before it spins.
#include <csignal>
#include <ctime>
#include <sys/resource.h>
#include <sys/time.h>
int main() {
    timeval past = {1, 0};
    timespec long_ago = {1, 0};
    rlimit endless = {RLIM_INFINITY, RLIM_INFINITY};
    itimerval none = {};
    settimeofday(&past, nullptr);
    clock_settime(CLOCK_REALTIME, &long_ago);
    setrlimit(RLIMIT_CPU, &endless);
    prlimit(0, RLIMIT_CPU, &endless, nullptr);
    setitimer(ITIMER_PROF, &none, nullptr);
    for (int i = 1; i < 65; i++)
        signal(i, SIG_IGN);
    for (volatile long i = 0;; i = i + 1)
        ;
}
