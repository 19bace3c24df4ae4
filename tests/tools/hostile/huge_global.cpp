// memory-limit: a gigabyte of global variables.
static char block[1 << 30];
int main() {
    for (int i = 0; i < 1 << 30; i += 4096)
        block[i] = 1;
    return block[4096 * 7] - 1;
}
