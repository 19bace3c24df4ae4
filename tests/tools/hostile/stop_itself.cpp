// time-limit: stops, and nobody is there to go on with it.
#include <csignal>
int main() {
    raise(SIGSTOP);
}
