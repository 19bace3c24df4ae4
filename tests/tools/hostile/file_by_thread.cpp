// file-write: in a thread, with the signal blocked and ignored.
#include <csignal>
#include <fcntl.h>
#include <pthread.h>
static void *work(void *) {
    open("/tmp/lockpick-hostile", O_WRONLY | O_CREAT, 0600);
    return nullptr;
}
int main() {
    sigset_t all;
    pthread_t thread;
    signal(SIGSYS, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, nullptr);
    pthread_create(&thread, nullptr, work, nullptr);
    pthread_join(thread, nullptr);
}
