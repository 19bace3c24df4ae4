// contained: system calls of other architectures, past the filter.
#include <cstdio>
#include <unistd.h>
int main() {
#ifdef __x86_64__
    long result = 0;
    asm volatile("int $0x80" : "=a"(result) : "a"(2) : "memory"); /* i386: fork */
    if (result >= 0)
        return 0;
    asm volatile("int $0x80" : "=a"(result) : "a"(8), "b"("x"), "c"(0666) : "memory"); /* i386: creat */
    if (result >= 0)
        return 0;
    if (syscall(0x40000000 + 57) >= 0 || syscall(0x40000000 + 85, "x", 0666) >= 0) /* x32: fork, creat */
        return 0;
#endif
    puts("contained");
}
