// contained: asks for a terabyte that it does not mean to touch.
#include <cstdio>
#include <sys/mman.h>
int main() {
    void *place = mmap(nullptr, 1l << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    puts(place == MAP_FAILED ? "contained" : "a terabyte");
}
