// output-limit: the same on standard error, with the signal of the limit ignored.
#include <csignal>
#include <unistd.h>
static char block[1 << 16];
int main() {
    signal(SIGXFSZ, SIG_IGN);
    while (write(2, block, sizeof block) > 0)
        ;
}
