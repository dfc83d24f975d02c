# runtime/core/member_life.c: a restarted node comes back with the incarnation it had
s/? start->incarnation + 1 :/? (start->incarnation ? start->incarnation : 1) :/
