// contained: files of the host, and all that the root folder has.
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
int main() {
    for (const char *name : {"/etc/passwd", "/etc", "/home", "/root", "/tmp", "/var", "/usr", "/work", "/mnt", "/bin", "/precompiled"})
        if (open(name, O_RDONLY) >= 0) {
            printf("%s is there\n", name);
            return 0;
        }
    DIR *root = opendir("/");
    while (const dirent *entry = root != nullptr ? readdir(root) : nullptr)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lib") != 0 && strcmp(entry->d_name, "launch") != 0) {
            printf("/%s is there\n", entry->d_name);
            return 0;
        }
    puts("contained");
}
