// contained: looks into other processes.
#include <cstdio>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
int main() {
    char bytes[8];
    iovec here = {bytes, 8}, there = {reinterpret_cast<void *>(0x400000), 8};
    bool seen = ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 || ptrace(PTRACE_ATTACH, 1, 0, 0) == 0 ||
                process_vm_readv(1, &here, 1, &there, 1, 0) >= 0 || process_vm_writev(1, &here, 1, &there, 1, 0) >= 0 ||
                syscall(434, 1, 0) >= 0 /* pidfd_open */ || syscall(SYS_kcmp, 1, getpid(), 0, 0, 0) >= 0;
    puts(seen ? "another process" : "contained");
}
