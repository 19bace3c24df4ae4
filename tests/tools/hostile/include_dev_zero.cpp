// compile-error: a text without end.
#include "/dev/zero"
int main() {}
