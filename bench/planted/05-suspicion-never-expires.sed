# runtime/core/news.c: who is suspected stays suspected for hours before it is declared dead
s/swisd_suspicion_ns(node, /1000 * &/
