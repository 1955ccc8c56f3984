/* Deliveries by LMTP in a closed loop: each connection one message after another. */
#ifndef RESTANTE_BENCH_LMTP_CLIENT_H
#define RESTANTE_BENCH_LMTP_CLIENT_H

#include "run.h"

/* Runs it; its seconds. `durations` are messages, from MAIL to the last recipient's reply. */
double lmtp_run(struct run *run);

#endif
