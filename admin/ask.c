/*
 * The terminal: confirmation and passwords. Secrets are read octet by octet into the caller's
 * memory, so that no buffer of stdio keeps a copy.
 */
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#include "complain.h"
#include "output.h"
#include "restante/passwords.h"

static volatile sig_atomic_t caught_signal;

static void remember_signal(int number)
{
	caught_signal = number;
}

/* One line without its end. False: end of input before any octet, error, NUL, or too long. */
static bool read_line(int fd, char *line, size_t cap, size_t *n)
{
	*n = 0;
	for (;;) {
		char c;
		ssize_t got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR && caught_signal == 0)
			continue;
		if (got < 0 || (got == 0 && *n == 0))
			return false;
		if (got == 0 || c == '\n')
			break;
		if (c == '\0' || *n + 1 >= cap)
			return false;
		line[(*n)++] = c;
	}
	if (*n > 0 && line[*n - 1] == '\r')
		(*n)--;
	line[*n] = '\0';
	return true;
}

static int open_terminal(void)
{
	return open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
}

int ask_confirm(const struct tool *tool, const char *format, ...)
{
	char question[512];
	char answer[16];
	size_t n;
	va_list args;
	if (tool_has(tool, OPTION_YES))
		return EX_OK;
	va_start(args, format);
	format_sentence(question, sizeof question, format, args);
	va_end(args);
	int fd = open_terminal();
	if (fd < 0)
		return complain(EX_USAGE,
				"%s There is no terminal to ask at: repeat it with --yes if "
				"you mean it",
				question);
	fflush(stdout);
	dprintf(fd, "%s [y/N] ", question);
	bool yes = read_line(fd, answer, sizeof answer, &n) &&
		   (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0);
	close(fd);
	if (!yes)
		return complain(EXIT_DECLINED, "nothing was changed");
	return EX_OK;
}

/* Ctrl-C at the prompt must not leave a terminal that shows nothing. */
static const int prompt_signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

/*
 * A line that is there, or a signal: blocked all the while but here, it cannot come between a look
 * at it and the wait. A terminal gives a line when it is whole.
 */
static bool wait_for_line(int fd, const sigset_t *unblocked)
{
	struct pollfd terminal = { .fd = fd, .events = POLLIN };

	return ppoll(&terminal, 1, NULL, unblocked) > 0 && caught_signal == 0;
}

static bool read_without_echo(int fd, const char *prompt, char *line, size_t cap, size_t *n)
{
	struct sigaction before[ARRAY_SIZE(prompt_signals)];
	struct sigaction remember = { .sa_handler = remember_signal }; /* no SA_RESTART */
	struct termios shown;
	if (tcgetattr(fd, &shown) != 0)
		return false;
	struct termios hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	caught_signal = 0;
	sigset_t blocked, unblocked;
	sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_SIZE(prompt_signals); i++) {
		sigaction(prompt_signals[i], &remember, &before[i]);
		sigaddset(&blocked, prompt_signals[i]);
	}
	sigprocmask(SIG_BLOCK, &blocked, &unblocked);
	/* The prompt comes last: nothing that is typed after it may show. */
	bool good = tcsetattr(fd, TCSAFLUSH, &hidden) == 0 && dprintf(fd, "%s: ", prompt) > 0 &&
		    wait_for_line(fd, &unblocked) && read_line(fd, line, cap, n);
	tcsetattr(fd, TCSAFLUSH, &shown);
	dprintf(fd, "\n");
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(prompt_signals); i++)
		sigaction(prompt_signals[i], &before[i], NULL);
	if (caught_signal != 0) {
		explicit_bzero(line, cap);
		raise(caught_signal);
	}
	return good && caught_signal == 0;
}

static int prompt_at(int fd, const char *prompt, enum password_use use,
		     struct password *password)
{
	struct password again = { 0 };
	int code = EX_OK;
	char repeat[64];
	if (!read_without_echo(fd, prompt, password->text, sizeof password->text, &password->n))
		return complain(EX_NOINPUT, "no password was read (it has at most %d octets)",
				PASSWORD_MAX);
	if (use == PASSWORD_TRIED)
		return EX_OK;
	snprintf(repeat, sizeof repeat, "%s again", prompt);
	if (!read_without_echo(fd, repeat, again.text, sizeof again.text, &again.n) ||
	    again.n != password->n || CRYPTO_memcmp(again.text, password->text, again.n) != 0)
		code = complain(EX_DATAERR, "the two passwords differ; nothing was changed");
	password_wipe(&again);
	return code;
}

static int password_from_terminal(const struct tool *tool, const char *prompt,
				  enum password_use use, struct password *password)
{
	int fd = open_terminal();
	if (fd < 0)
		return complain(EX_USAGE,
				"there is no terminal to ask for a password at; use "
				"--password-stdin%s",
				use == PASSWORD_NEW ? " or --generate" : "");
	(void)tool;
	int code = prompt_at(fd, prompt, use, password);
	close(fd);
	return code;
}

int password_get(const struct tool *tool, const char *prompt, enum password_use use,
		 struct password *password)
{
	int code = EX_OK;
	*password = (struct password){ 0 };
	if (tool_has(tool, OPTION_GENERATE) + tool_has(tool, OPTION_PASSWORD_STDIN) +
		    tool_has(tool, OPTION_NO_PASSWORD) >
	    1)
		return complain(EX_USAGE, "--generate, --password-stdin and --no-password "
					  "exclude each other");
	if (tool_has(tool, OPTION_NO_PASSWORD))
		return EX_OK;
	if (tool_has(tool, OPTION_GENERATE)) {
		password_generate(password->text, sizeof password->text);
		password->n = strlen(password->text);
		return EX_OK;
	}
	if (!tool_has(tool, OPTION_PASSWORD_STDIN))
		code = password_from_terminal(tool, prompt, use, password);
	else if (!read_line(STDIN_FILENO, password->text, sizeof password->text, &password->n))
		code = complain(
			EX_NOINPUT,
			"no password on standard input (one line, no NUL, at most %d octets)",
			PASSWORD_MAX);
	if (code == EX_OK && password->n == 0)
		code = complain(EX_DATAERR, "the password is empty");
	if (code != EX_OK)
		password_wipe(password);
	return code;
}

void password_wipe(struct password *password)
{
	explicit_bzero(password, sizeof *password);
}

void password_show(const struct tool *tool, const char *what, const char *address,
		   const struct password *password)
{
	static const struct output_column columns[] = { { "address", OUTPUT_TEXT },
							{ "password", OUTPUT_TEXT } };
	if (tool_has(tool, OPTION_JSON)) {
		const char *values[] = { address, password->text };
		struct output *output = output_begin(tool, "passwords", OUTPUT_ROWS, columns,
						     ARRAY_SIZE(columns));
		output_row(output, values);
		output_end(&output);
	} else if (tool_has(tool, OPTION_QUIET)) {
		printf("%s\n", password->text);
	} else {
		printf("%s of %s: %s\n", what, address, password->text);
	}
}

void password_show_generated(const struct tool *tool, const char *what, const char *address,
			     const struct password *password)
{
	if (tool_has(tool, OPTION_GENERATE))
		password_show(tool, what, address, password);
}
