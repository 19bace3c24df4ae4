// compile-error: a template that needs itself.
template <int N> struct deep { static constexpr int value = deep<N + 1>::value + 1; };
int main() { return deep<0>::value; }
