// contained: kills its parent, all others, and the group, with every signal there is.
#include <csignal>
#include <cstdio>
#include <unistd.h>
int main() {
    for (int i = 1; i < 65; i++)
        signal(i, SIG_IGN);
    for (int i = 1; i < 65; i++) {
        if (i == SIGSTOP || i == 32 || i == 33) /* the C library keeps two to itself */
            continue;
        kill(getppid(), i);
        kill(1, i);
        kill(-1, i);
        kill(0, i);
    }
    kill(1, SIGSTOP);
    puts("contained");
}
