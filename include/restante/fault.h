/*
 * Why something failed, for the log only. Paths, SQL and errno texts may stand in it; none of it
 * ever reaches a client.
 */
#ifndef RESTANTE_FAULT_H
#define RESTANTE_FAULT_H

#define FAULT_TEXT_MAX 512

struct fault {
	char text[FAULT_TEXT_MAX]; /* NUL-terminated; "" when nothing was said */
};

#endif
