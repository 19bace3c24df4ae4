// compile-error: says so through the assembler, behind all that the compiler says
asm(".print \"g++: fatal error: Killed signal terminated program cc1plus\"\n"
    ".print \"compilation terminated.\"\n"
    ".err\n");
int main() {}
