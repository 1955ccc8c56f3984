/* Whole POP3 sessions in a closed loop: connect, log in, the script, QUIT, and again. */
#ifndef RESTANTE_BENCH_POP3_CLIENT_H
#define RESTANTE_BENCH_POP3_CLIENT_H

#include "run.h"

/* Runs it; its seconds. `durations` are whole sessions, from connecting to the reply to QUIT. */
double pop3_run(struct run *run);

#endif
