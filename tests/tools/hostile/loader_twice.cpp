// compile-error: puts bytes behind the loader's name, where the kernel takes them for part of it
__attribute__((section(".interp"), used)) const char name[] = {'a'};
int main() {}
