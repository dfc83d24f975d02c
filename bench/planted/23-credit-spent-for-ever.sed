# runtime/core/dispatch.c: a credit is spent on two tasks, the second time uncounted
s/if (!give_one(node, p))$/if (!give_one(node, p) || (swisd_out_room(node, 3) \&\& !give_one(node, p)))/
