// time-limit: sleeps through all alarms.
#include <csignal>
#include <unistd.h>
int main() {
    signal(SIGALRM, SIG_IGN);
    for (;;)
        sleep(1000);
}
