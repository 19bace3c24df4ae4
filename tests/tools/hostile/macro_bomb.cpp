// compile-error: a line of 10^12 words.
#define A(x) x x x x x x x x x x
#define B(x) A(A(A(x)))
#define C(x) B(B(B(B(x))))
int main() { int n = 0; C(n++;) return n; }
