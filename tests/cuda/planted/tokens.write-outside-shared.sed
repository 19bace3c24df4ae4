# descend() clears one counter more than there are.
s/i < DIGITS; i += TOKEN_THREADS/i <= DIGITS; i += TOKEN_THREADS/
