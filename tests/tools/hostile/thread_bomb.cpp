// time-limit: threads without end that do nothing.
#include <pthread.h>
#include <unistd.h>
static void *wait(void *) {
    for (;;)
        pause();
}
int main() {
    pthread_t thread;
    for (;;)
        pthread_create(&thread, nullptr, wait, nullptr);
}
