// compile-error: computes for ever before there is a program.
constexpr unsigned long spin() {
    unsigned long n = 0;
    for (unsigned long i = 0; i < 1ul << 60; i++)
        n += i * i;
    return n;
}
constexpr unsigned long result = spin();
int main() { return result; }
