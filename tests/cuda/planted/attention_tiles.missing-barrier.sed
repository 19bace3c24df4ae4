# attend_tiles() multiplies before all threads have brought their part of the tile.
/^        __syncthreads();$/ {
    N
    /float s\[KEYS/ s/^[^\n]*\n//
}
