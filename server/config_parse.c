/*
 * Reads the text of a configuration through libconfuse, which gives us its syntax: comments,
 * quoting, lists, sections. What the values mean is the table's business (config_options.c):
 * every option is a string to libconfuse, and each value passes through take_value, which knows
 * file, line and option. Traps of libconfuse that are met here:
 *
 *	- its scanner is global state: one reading at a time (a lock);
 *	- it puts the environment's variables in for ${NAME}: refused before it sees the text;
 *	- cfg_parse expands "~" with a buffer one octet too short (CVE-2022-40320): we open the file;
 *	- messages are translated, so that they could not be told apart: read in the C locale;
 *	- an option given twice silently wins over itself: refused;
 *	- it counts the lines of comments wrongly: blanked out before it sees the text;
 *	- it takes the end of the file for a missing "}", and would for a missing end of comment, so
 *	  that half a file would pass for a whole one: refused before it sees the text;
 *	- a section has its own copy of file name and line.
 */
#include <assert.h>
#include <confuse.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "config_address.h"
#include "config_private.h"
#include "restante/limits.h"

#define OPTIONS_MAX 64
#define LISTENER "listener"

/* libconfuse's own texts, which we say in more words. */
#define UNKNOWN_OPTION "no such option '%s'"
#define DUPLICATE_TITLE "found duplicate title '%s'"

/* The reading under way; guarded by `lock`. libconfuse has no pointer for us to hand through. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	struct config *config;
	struct config_listener pending; /* the section being read */
	int given[OPTIONS_MAX];         /* line of each option; 0 = not given */
	int listener_given[OPTIONS_MAX];
	struct fault *fault;
} reading;

static bool in_listener(const cfg_t *cfg)
{
	return strcmp(cfg->name, LISTENER) == 0;
}

/* "file:line: ...", the first complaint only: what follows is its consequence. */
PRINTF_LIKE(2, 3) static void complain(const cfg_t *cfg, const char *format, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list arguments;

	if (reading.fault->text[0] != '\0')
		return;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	fault_set(reading.fault, "%s:%d: %s", cfg->filename, cfg->line, text);
}

/* Something from the file, fit to be shown. */
struct shown {
	char text[96];
};

static const char *show(struct shown *shown, const char *value)
{
	struct buf to = buf_over(shown->text, sizeof shown->text - 1);

	log_escape(&to, str_of(value), 64);
	shown->text[to.n] = '\0';
	return shown->text;
}

/* --- unknown options --------------------------------------------------------------------- */

/* Octets of the longest sequence that both contain in order, among the first 63 of each. */
static unsigned common_octets(const char *a, const char *b)
{
	unsigned row[64] = { 0 };

	for (size_t i = 0; a[i] != '\0' && i < 63; i++) {
		unsigned diagonal = 0;

		for (size_t j = 0; b[j] != '\0' && j < 63; j++) {
			unsigned above = row[j + 1];

			if (a[i] == b[j])
				row[j + 1] = diagonal + 1;
			else if (row[j] > above)
				row[j + 1] = row[j];
			diagonal = above;
		}
	}
	return row[strnlen(b, 63)];
}

/*
 * How near two names are, 0 to 1000: the edit distance of insertions and deletions, relative to
 * their length; so "maxsize" is nearer to "message_size" than to "nul".
 */
static unsigned likeness(const char *a, const char *b)
{
	return 2000 * common_octets(a, b) / (unsigned)(strnlen(a, 63) + strnlen(b, 63));
}

static const char *nearest(const char *name, const struct config_option *options, size_t n,
			   const char *best)
{
	unsigned most = best != NULL ? likeness(name, best) : 0;

	for (size_t i = 0; i < n; i++) {
		unsigned now = likeness(name, options[i].name);

		if (best == NULL || now > most) {
			best = options[i].name;
			most = now;
		}
	}
	return best;
}

static const struct config_option *find(const char *name, const struct config_option *options,
					size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(name, options[i].name) == 0)
			return &options[i];
	}
	return NULL;
}

static void complain_unknown(const cfg_t *cfg, const char *name)
{
	struct shown shown, title;

	if (in_listener(cfg)) {
		(void)show(&title, cfg->title);
		if (find(name, config_options, config_option_count) != NULL)
			complain(cfg, "option %s does not belong in a section",
				 show(&shown, name));
		else
			complain(cfg,
				 "unknown option %s in section listener %s (did you mean "
				 "\"%s\"?)",
				 show(&shown, name), title.text,
				 nearest(name, listener_options, listener_option_count, NULL));
	} else if (find(name, listener_options, listener_option_count) != NULL) {
		complain(cfg, "option %s belongs in a section: listener \"NAME\" { ... }",
			 show(&shown, name));
	} else {
		complain(cfg, "unknown option %s (did you mean \"%s\"?)", show(&shown, name),
			 nearest(name, config_options, config_option_count, LISTENER));
	}
}

/* libconfuse's error hook. `format` is one of its own texts. */
PRINTF_LIKE(2, 0) static void on_error(cfg_t *cfg, const char *format, va_list arguments)
{
	char text[FAULT_TEXT_MAX / 2];
	struct shown shown;

	if (strcmp(format, UNKNOWN_OPTION) == 0) {
		complain_unknown(cfg, va_arg(arguments, const char *));
	} else if (strcmp(format, DUPLICATE_TITLE) == 0) {
		complain(cfg, "there are two listeners %s",
			 show(&shown, va_arg(arguments, const char *)));
	} else {
		(void)vsnprintf(text, sizeof text, format, arguments);
		complain(cfg, "%s", text);
	}
}

/* --- values ------------------------------------------------------------------------------ */

/* The option's row, and where the line it was given on is kept. */
static const struct config_option *option_row(const cfg_t *cfg, const char *name, int **given)
{
	bool listener = in_listener(cfg);
	const struct config_option *options = listener ? listener_options : config_options;
	size_t n = listener ? listener_option_count : config_option_count;
	const struct config_option *option = find(name, options, n);

	assert(option != NULL);
	*given = (listener ? reading.listener_given : reading.given) + (option - options);
	return option;
}

/* libconfuse's value callback: called once for each value, before it is stored. */
static int take_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	int *given;
	const struct config_option *option = option_row(cfg, opt->name, &given);
	void *base = in_listener(cfg) ? (void *)&reading.pending : (void *)reading.config;
	struct reason reason;
	struct shown shown;

	/* A list's later values arrive with a count above 1, as += does. */
	if (*given != 0 && opt->nvalues <= 1) {
		complain(cfg, "option \"%s\" is given twice (first on line %d)", option->name,
			 *given);
		return -1;
	}
	if (*given == 0)
		option_clear(option, base);
	if (!option_set(option, base, value, &reason)) {
		complain(cfg, "option \"%s\": %s %s", option->name, show(&shown, value),
			 reason.text);
		return -1;
	}
	*given = cfg->line;
	*(const char **)result = value;
	return 0;
}

static bool keep_listener(struct config *config, const char *title)
{
	struct config_listener *grown =
		reallocarray(config->listeners, config->listener_count + 1, sizeof *grown);

	if (grown == NULL)
		return false;
	config->listeners = grown;
	free(reading.pending.name);
	reading.pending.name = strdup(title);
	if (reading.pending.name == NULL)
		return false;
	grown[config->listener_count++] = reading.pending;
	memset(&reading.pending, 0, sizeof reading.pending);
	memset(reading.listener_given, 0, sizeof reading.listener_given);
	return listener_set_defaults(&reading.pending);
}

/* RFC 2033 section 5: LMTP "MUST NOT be used on the TCP service port 25", which is SMTP's. */
static bool takes_smtp_port(const struct config_listener *listener)
{
	struct config_address address;
	const char *why;

	/* sin_port and sin6_port lie in the same place; a unix socket has none. */
	return listener->protocol == CONFIG_LMTP &&
	       address_parse(listener->address, &address, &why) &&
	       address.u.base.sa_family != AF_UNIX && ntohs(address.u.v4.sin_port) == 25;
}

/* LISTEN_FDNAMES is a list with colons, and the name stands in the log as a word. */
static bool name_possible(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~' || strchr(":\"\\", name[i]) != NULL)
			return false;
	return n > 0 && n <= LISTENER_NAME_MAX;
}

/* libconfuse's callback for a section that has just ended. */
static int take_listener(cfg_t *cfg, cfg_opt_t *opt)
{
	const char *title = cfg_opt_getnsec(opt, opt->nvalues - 1)->title;
	struct shown shown;

	for (size_t i = 0; i < listener_option_count; i++) {
		if (listener_options[i].def == NULL && reading.listener_given[i] == 0) {
			complain(cfg, "listener %s has no option \"%s\"", show(&shown, title),
				 listener_options[i].name);
			return -1;
		}
	}
	if (takes_smtp_port(&reading.pending)) {
		complain(cfg, "listener %s: LMTP must not be spoken on port 25 (RFC 2033)",
			 show(&shown, title));
		return -1;
	}
	if (!name_possible(title)) {
		complain(cfg,
			 "listener %s: a name has 1 to %d ASCII characters, no space, colon or "
			 "quote",
			 show(&shown, title), LISTENER_NAME_MAX);
		return -1;
	}
	if (!keep_listener(reading.config, title)) {
		complain(cfg, "out of memory");
		return -1;
	}
	return 0;
}

/* --- the whole --------------------------------------------------------------------------- */

static void fill_options(cfg_opt_t *opts, const struct config_option *options, size_t n)
{
	assert(n + 2 <= OPTIONS_MAX);
	for (size_t i = 0; i < n; i++) {
		opts[i].name = options[i].name;
		opts[i].type = CFGT_STR;
		opts[i].flags = CFGF_NODEFAULT;
		if (option_is_list(&options[i]))
			opts[i].flags |= CFGF_LIST;
		opts[i].parsecb = take_value;
	}
}

static cfg_t *make_parser(const char *path)
{
	cfg_opt_t opts[OPTIONS_MAX] = { 0 };
	cfg_opt_t listener[OPTIONS_MAX] = { 0 };
	cfg_opt_t *section = &opts[config_option_count];
	cfg_t *cfg;

	fill_options(opts, config_options, config_option_count);
	fill_options(listener, listener_options, listener_option_count);
	section->name = LISTENER;
	section->type = CFGT_SEC;
	section->flags = CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES;
	section->subopts = listener;
	section->validcb = take_listener;
	cfg = cfg_init(opts, CFGF_NONE);
	if (cfg == NULL)
		return NULL;
	cfg->filename = strdup(path);
	(void)cfg_set_error_function(cfg, on_error);
	return cfg;
}

/* "name = {}": no value came, and yet the default does not stand. */
static void clear_empty_lists(cfg_t *cfg)
{
	for (size_t i = 0; i < config_option_count; i++) {
		const cfg_opt_t *opt = cfg_getopt(cfg, config_options[i].name);

		if (option_is_list(&config_options[i]) && (opt->flags & CFGF_MODIFIED) != 0 &&
		    opt->nvalues == 0)
			option_clear(&config_options[i], reading.config);
	}
}

/* Under the lock, in the C locale. `text` is ours to change. */
static bool parse_text(const char *path, char *text, size_t n, struct fault *fault)
{
	FILE *file = fmemopen(text, n, "r");
	cfg_t *cfg = make_parser(path);
	bool good = file != NULL && cfg != NULL && cfg->filename != NULL;

	if (!good)
		fault_set(fault, "%s: out of memory", path);
	else
		good = cfg_parse_fp(cfg, file) == CFG_SUCCESS;
	if (good)
		clear_empty_lists(cfg);
	if (!good && fault->text[0] == '\0')
		fault_set(fault, "%s:%d: cannot be understood", path, cfg->line);
	if (cfg != NULL)
		(void)cfg_free(cfg);
	if (file != NULL)
		(void)fclose(file);
	return good;
}

/* Sets `reading` up and parses. */
static bool parse_locked(const char *path, char *text, size_t n, struct config *config,
			 struct fault *fault)
{
	bool good;

	memset(&reading, 0, sizeof reading);
	reading.config = config;
	reading.fault = fault;
	good = listener_set_defaults(&reading.pending);
	if (!good)
		fault_set(fault, "%s: out of memory", path);
	good = good && parse_text(path, text, n, fault);
	listener_free(&reading.pending);
	return good;
}

bool config_parse(const char *path, char *text, size_t n, struct config *config,
		  struct fault *fault)
{
	locale_t c_locale, before;
	bool good;

	fault->text[0] = '\0';
	if (n == 0)
		return true;
	if (!text_is_whole(path, (struct str){ text, n }, fault))
		return false;
	blank_comments(text, n);
	if (!text_acceptable(path, (struct str){ text, n }, fault))
		return false;
	c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	if (c_locale == (locale_t)0) {
		fault_set(fault, "%s: out of memory", path);
		return false;
	}
	pthread_mutex_lock(&lock);
	before = uselocale(c_locale);
	good = parse_locked(path, text, n, config, fault);
	(void)uselocale(before);
	pthread_mutex_unlock(&lock);
	freelocale(c_locale);
	return good;
}
