// runtime-error: calls itself until there is no stack.
static int deep(volatile int *up) {
    volatile int here[1024] = {*up};
    return deep(here) + here[7];
}
int main() {
    volatile int zero = 0;
    return deep(&zero);
}
