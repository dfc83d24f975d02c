# runtime/core/dispatch.c: a partner whose last credit is spent still counts among those with credits
s/if (--partner->credits == 0)/if (--partner->credits == 255)/
