// file-write: the plain way.
#include <fstream>
int main() {
    std::ofstream("/tmp/lockpick-hostile") << "here";
}
