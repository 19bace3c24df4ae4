// compile-error: the text with what stands behind it.
#include "program.cpp"
int main() {}
