// compile-error: a file of the host, taken in by the assembler.
asm(".incbin \"/proc/self/environ\"");
int main() {}
