// contained: what /proc would tell.
#include <cstdio>
#include <fstream>
int main() {
    for (const char *name : {"/proc/self/status", "/proc/1/environ", "/proc/cpuinfo", "/proc/self/exe", "/proc/self/fd/0",
                             "/sys/kernel/notes", "/dev/null", "/dev/zero", "/dev/stdin"})
        if (std::ifstream(name)) {
            printf("%s is there\n", name);
            return 0;
        }
    puts("contained");
}
