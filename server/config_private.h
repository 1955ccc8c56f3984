/*
 * Between the files that read the configuration: the table of options, and what its types mean.
 */
#ifndef RESTANTE_CONFIG_PRIVATE_H
#define RESTANTE_CONFIG_PRIVATE_H

#include <netinet/in.h>
#include <sys/un.h>

#include "config_network.h"
#include "restante/config.h"

enum option_type {
	OPTION_TEXT,       /* char *; not empty */
	OPTION_OPTIONAL,   /* char *; may be empty */
	OPTION_DIRECTORY,  /* char *; absolute */
	OPTION_TLS_DIR,    /* char *; absolute or empty */
	OPTION_HOSTNAME,   /* char *; empty = the machine's own name */
	OPTION_POSTMASTER, /* char *; local@domain or empty */
	OPTION_LISTEN,     /* char *; see address_parse */
	OPTION_NUMBER,     /* unsigned */
	OPTION_SIZE,       /* uint64_t octets; K, M, G */
	OPTION_MODE,       /* unsigned; octal */
	OPTION_YES_NO,     /* bool; words[0] = false */
	OPTION_CHOICE,     /* an enum; words in its order */
	OPTION_WORD,       /* char *; one of words */
	OPTION_CHARACTER,  /* char; empty = 0 */
	OPTION_DOMAIN,     /* char *; in lower case, or empty */
	OPTION_SERVICE,    /* char *; a file's name in /etc/pam.d */
	OPTION_BACKENDS, /* struct config_backends; words in the order of enum config_backend */
	OPTION_NETWORKS, /* struct config_networks */
	OPTION_SET       /* unsigned; a list of words, bit n for words[n] */
};

struct config_option {
	const char *name;
	enum option_type type;
	const char *def;          /* as it would stand in the file; NULL = must be given */
	uint64_t min, max;        /* numbers and sizes */
	const char *const *words; /* NULL-terminated */
	size_t offset;            /* in struct config or struct config_listener */
	const char *help;
	bool fixed; /* read when the server starts, and not by a reload */
};

/* The options outside of sections, and those of `listener "name" { ... }`. */
extern const struct config_option config_options[];
extern const size_t config_option_count;
extern const struct config_option listener_options[];
extern const size_t listener_option_count;

/* Sets the option in *base (for a list: adds one value). */
MUST_USE bool option_set(const struct config_option *option, void *base, const char *text,
			 struct reason *reason);
/* The value as option_set takes it; sizes and lists as the file would have them. */
void option_format(const struct config_option *option, const void *base, char *text,
		   size_t cap);
/* True where the file needs quotes around the value. */
bool option_quoted(const struct config_option *option);
/* "1 to 1000", "yes or no"; "" where there is nothing to say. */
void option_range(const struct config_option *option, char *text, size_t cap);
/* config_words.c: of OPTION_SET. Adds one word; shows all of them. */
MUST_USE bool words_add(const struct config_option *option, void *base, const char *text,
			struct reason *reason);
void words_format(const struct config_option *option, const void *base, char *text, size_t cap);
/* A list in the file: its values come one by one, and replace the default's. */
bool option_is_list(const struct config_option *option);
void option_clear(const struct config_option *option, void *base);
void option_free(const struct config_option *option, void *base);

/* Defaults for everything, listeners none. False: out of memory. */
MUST_USE bool config_set_defaults(struct config *config);
MUST_USE bool listener_set_defaults(struct config_listener *listener);
void listener_free(struct config_listener *listener);

/*
 * Reads `text`, which came from the file `path`, into *config, which has its defaults. Blanks
 * comments out in `text`. libconfuse's scanner is global: it takes a lock of its own.
 */
MUST_USE bool config_parse(const char *path, char *text, size_t n, struct config *config,
			   struct fault *fault);

/* config_text.c: true when the braces and comments that are opened are closed as well. */
MUST_USE bool text_is_whole(const char *path, struct str text, struct fault *fault);
/* ... spaces in place of comments; lines stay lines. */
void blank_comments(char *text, size_t n);
/* ... true when the text has nothing that libconfuse should not see; else `fault` says where. */
MUST_USE bool text_acceptable(const char *path, struct str text, struct fault *fault);

/* The embedded config_example.conf. */
extern const char config_example_text[];

#endif
