// time-limit: main goes, a thread stays.
#include <pthread.h>
static void *spin(void *) {
    for (volatile long i = 0;; i = i + 1)
        ;
}
int main() {
    pthread_t thread;
    pthread_create(&thread, nullptr, spin, nullptr);
    pthread_exit(nullptr);
}
