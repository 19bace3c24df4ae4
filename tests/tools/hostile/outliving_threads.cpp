// contained: threads that are still at work when main returns.
#include <cstdio>
#include <pthread.h>
static void *spin(void *) {
    for (volatile long i = 0;; i = i + 1)
        ;
}
int main() {
    pthread_t thread;
    for (int i = 0; i < 4; i++)
        pthread_create(&thread, nullptr, spin, nullptr);
    puts("contained");
}
