# runtime/core/news.c: a node that is suspected refutes without raising its incarnation
s/self->incarnation = members->refute_above + 1;//
