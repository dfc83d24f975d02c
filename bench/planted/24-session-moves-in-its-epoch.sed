# runtime/core/session.c: a session that moves to another worker keeps its epoch
s/session->epoch++;/session->epoch = 1;/
