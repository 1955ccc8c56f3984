/*
 * Tells the service manager how we are, by its plain protocol: datagrams to $NOTIFY_SOCKET. Does
 * nothing without one, and never fails: a manager that does not hear us must not stop the mail.
 */
#ifndef RESTANTE_NOTIFY_H
#define RESTANTE_NOTIFY_H

#include <stdint.h>

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* The manager gives us up after so many milliseconds without notify_watchdog; 0 = never. */
uint64_t notify_watchdog_ms(void);
void notify_watchdog(void);

#endif
