// contained: sockets of every kind.
#include <cstdio>
#include <sys/socket.h>
int main() {
    int pair[2];
    for (int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET})
        if (socket(family, SOCK_STREAM, 0) >= 0 || socket(family, SOCK_DGRAM, 0) >= 0 || socket(family, SOCK_RAW, 0) >= 0) {
            puts("a socket");
            return 0;
        }
    puts(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? "a pair of sockets" : "contained");
}
