// output-limit: writes for ever.
#include <cstdio>
int main() {
    for (;;)
        fputs("all work and no play makes for a long output indeed, and for a longer one still\n", stdout);
}
