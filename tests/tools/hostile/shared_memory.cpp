// contained: memory that would outlive it, or that others would see.
#include <cstdio>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
int main() {
    if (shmget(1234, 4096, IPC_CREAT | 0666) >= 0 || semget(1234, 1, IPC_CREAT | 0666) >= 0 ||
        msgget(1234, IPC_CREAT | 0666) >= 0 || memfd_create("x", 0) >= 0)
        puts("shared memory");
    else
        puts("contained");
}
