# weigh_values() lets a group of lanes add to sums that the group before it may not have written yet.
/sums\[h \* size + column + j\] : 0);$/ {
    N
    s/\n *__syncthreads();$//
}
