// file-write: a folder.
#include <sys/stat.h>
int main() {
    mkdir("/tmp/lockpick-hostile", 0700);
}
