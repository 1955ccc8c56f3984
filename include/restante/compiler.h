/*
 * The few compiler extensions the project allows itself, each under one name.
 */
#ifndef RESTANTE_COMPILER_H
#define RESTANTE_COMPILER_H

/* The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))
/* printf-like: F is the format's position, A that of the first argument. */
#define PRINTF_LIKE(F, A) __attribute__((format(printf, F, A)))
/* CLEANUP(fd_close) int fd = -1;  calls fd_close(&fd) at the end of the scope. */
#define CLEANUP(function) __attribute__((cleanup(function)))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
