// memory-limit: touches page after page.
#include <cstdlib>
int main() {
    for (;;) {
        volatile char *block = static_cast<char *>(malloc(1 << 24));
        if (block == nullptr)
            return 0;
        for (int i = 0; i < 1 << 24; i += 4096)
            block[i] = 1;
    }
}
