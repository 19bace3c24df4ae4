# append() writes values one row too far.
s/move_row<VEC>(values, slot, v, t);/move_row<VEC>(values, slot + 1, v, t);/
