# runtime/core/queue.c: an input that is part of a body is fetched from the body's first item on
s/fetch->offset = per_item \* (source->lo - source->body_lo);/fetch->offset = 0;/
