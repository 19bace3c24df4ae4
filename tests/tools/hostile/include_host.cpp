// compile-error: a file of the host.
#include "/etc/passwd"
int main() {}
