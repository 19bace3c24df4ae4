// memory-limit: one request that cannot be met.
#include <vector>
int main() {
    std::vector<int> numbers(1ul << 40);
    return numbers[5];
}
