// runtime-error: writes over its own stack.
int main() {
    volatile char small[8];
    volatile char *place = small;
    for (long i = 0; i < 1 << 22; i++)
        place[i] = 'A';
}
