// contained: whatever is open besides the three.
#include <cstdio>
#include <unistd.h>
int main() {
    char byte;
    for (int i = 3; i < 4096; i++)
        if (lseek(i, 0, SEEK_SET) >= 0 || read(i, &byte, 1) >= 0 || dup(i) >= 0) {
            printf("descriptor %d is open\n", i);
            return 0;
        }
    if (read(1, &byte, 1) > 0)
        puts("an output from before");
    else if (pwrite(0, "x", 1, 0) >= 0)
        puts("the input can be written");
    else
        puts("contained");
}
