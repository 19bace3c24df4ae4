// contained: a shell.
#include <cstdio>
#include <cstdlib>
#include <unistd.h>
int main() {
    int status = system("echo here > /tmp/lockpick-hostile");
    execl("/bin/sh", "sh", "-c", "echo a shell", nullptr);
    puts(status == 0 ? "a shell" : "contained");
}
