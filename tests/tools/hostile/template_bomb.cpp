// compile-error: a tree of types with two new branches on every one.
template <int D, unsigned long long P> struct tree {
    tree<D - 1, P * 2> left;
    tree<D - 1, P * 2 + 1> right;
};
template <unsigned long long P> struct tree<0, P> {};
int main() { return sizeof(tree<40, 1>); }
