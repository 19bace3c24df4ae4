// file-write: the same by a name.
#include <fcntl.h>
#include <sys/mman.h>
int main() {
    return shm_open("/lockpick", O_RDWR | O_CREAT, 0600) >= 0;
}
