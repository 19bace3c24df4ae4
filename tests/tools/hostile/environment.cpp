// contained: what environment and arguments say of the host.
#include <cstdio>
#include <cstring>
extern char **environ;
int main(int count, char **arguments) {
    for (char **entry = environ; *entry != nullptr; entry++)
        if (strncmp(*entry, "PATH=", 5) != 0 && strncmp(*entry, "LC_ALL=", 7) != 0 && strncmp(*entry, "TMPDIR=", 7) != 0) {
            puts(*entry);
            return 0;
        }
    puts(count == 1 && strcmp(arguments[0], "program") == 0 ? "contained" : "arguments");
}
