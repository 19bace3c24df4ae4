// compile-error: says so in the name of a file, with which messages begin
#line 1 "\ng++: fatal error: Killed signal terminated program cc1plus\ncompilation terminated.\n"
int main() { no_such_function(); }
