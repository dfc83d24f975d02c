# runtime/core/results.c: a late result takes pieces that have been given to somebody else meanwhile
s/ours = ours || interval->copies\[c\] == index;/ours = true;/
