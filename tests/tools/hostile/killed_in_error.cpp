// compile-error: says in the compiler's own words that it was killed, which would be a fault of ours
#error x86_64-linux-gnu-g++-12: fatal error: Killed signal terminated program cc1plus
int main() {}
