# attend_tiles() brings the next tile while others still multiply with the last one.
/^        __syncthreads();$/ {
    N
    /load_tile<KEYS, HEAD>(keys/ s/^[^\n]*\n//
}
