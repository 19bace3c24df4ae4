// file-write: to a file that is there.
#include <cstdio>
int main() {
    fopen("/lib/libc.so.6", "r+");
}
