// contained: other users, other namespaces, other roots.
#include <cstdio>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main() {
    bool got = setuid(0) == 0 || setresuid(0, 0, 0) == 0 || unshare(CLONE_NEWUSER) == 0 || unshare(CLONE_NEWNS) == 0 ||
               chroot("/lib") == 0 || mount("none", "/lib", "tmpfs", 0, nullptr) == 0 || prctl(PR_SET_DUMPABLE, 1) == 0 ||
               syscall(SYS_bpf, 0, 0, 0) >= 0 || syscall(SYS_perf_event_open, 0, 0, -1, -1, 0) >= 0 ||
               syscall(SYS_userfaultfd, 0) >= 0 || syscall(SYS_keyctl, 0, 0, 0) >= 0 || syscall(425 /* io_uring */, 4, 0) >= 0;
    puts(got ? "a privilege" : "contained");
}
