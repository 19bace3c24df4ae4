// compile-error: names a loader that is not there, so that the kernel cannot execute it
asm(".pushsection .interp,\"a\"\n.ascii \"x\"\n.popsection");
int main() {}
