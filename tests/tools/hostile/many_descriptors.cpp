// contained: all the descriptors there are.
#include <cstdio>
#include <unistd.h>
int main() {
    int count = 0;
    while (dup(0) >= 0)
        count++;
    puts(count < 100 ? "contained" : "many descriptors");
}
