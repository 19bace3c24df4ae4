// compile-error: says so on a line of its own, which no check of where lines begin would tell
static_assert(false, "\ng++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.");
int main() {}
