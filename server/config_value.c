/* Values of options: from text, to text. One row per type, so that no type is forgotten. */
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/number.h"
#include "config_address.h"
#include "config_private.h"
#include "restante/limits.h"
#include "restante/pam_helper.h"

static void *field_of(const struct config_option *option, void *base)
{
	return (char *)base + option->offset;
}

static const void *const_field_of(const struct config_option *option, const void *base)
{
	return (const char *)base + option->offset;
}

/* "is not a number (1 to 10)". */
static bool refuse(const struct config_option *option, struct reason *reason, const char *why)
{
	char range[128];

	option_range(option, range, sizeof range);
	(void)snprintf(reason->text, sizeof reason->text, range[0] != '\0' ? "%s (%s)" : "%s",
		       why, range);
	return false;
}

/* --- text -------------------------------------------------------------------------------- */

static bool postmaster_valid(const char *address)
{
	const char *at = strrchr(address, '@');

	if (address[0] == '\0')
		return true;
	return at != NULL && at > address && at[1] != '\0' && strlen(address) <= ADDRESS_MAX;
}

/* As accounts.db has it, so that the two can be compared. */
static bool domain_valid(const char *domain)
{
	size_t n = strlen(domain);

	if (n == 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)domain[i] < 0x80 && !islower((unsigned char)domain[i]) &&
		    !isdigit((unsigned char)domain[i]) && strchr("-._", domain[i]) == NULL)
			return false;
	}
	return n <= LMTP_DOMAIN_MAX && domain[0] != '.' && domain[n - 1] != '.' &&
	       strstr(domain, "..") == NULL;
}

/* NULL = fine, else why not. */
static const char *text_refusal(enum option_type type, const char *text)
{
	struct config_address address;
	const char *why = NULL;

	for (const char *p = text; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7F)
			return "holds a control character";
	}
	if (type == OPTION_TEXT && text[0] == '\0')
		return "must not be empty";
	if (type == OPTION_DIRECTORY && text[0] != '/')
		return "is not a path that begins with \"/\"";
	if (type == OPTION_TLS_DIR && text[0] != '\0' && text[0] != '/')
		return "is not a path that begins with \"/\", nor empty";
	if (type == OPTION_HOSTNAME && !hostname_valid(text))
		return "is not a host name";
	if (type == OPTION_POSTMASTER && !postmaster_valid(text))
		return "is not an address like postmaster@example.org";
	if (type == OPTION_DOMAIN && !domain_valid(text))
		return "is not a domain in lower case, such as example.org";
	if (type == OPTION_SERVICE && !helper_service_possible(str_of(text)))
		return "is not the name of a file in /etc/pam.d";
	if (type == OPTION_LISTEN && !address_parse(text, &address, &why))
		return why;
	return NULL;
}

static bool set_text(const struct config_option *option, void *base, const char *text,
		     struct reason *reason)
{
	char **field = field_of(option, base);
	const char *why = text_refusal(option->type, text);
	char *copy;

	if (why != NULL)
		return refuse(option, reason, why);
	copy = strdup(text);
	if (copy == NULL)
		return refuse(option, reason, "cannot be kept: out of memory");
	free(*field);
	*field = copy;
	return true;
}

static void format_text(const struct config_option *option, const void *base, char *text,
			size_t cap)
{
	char *const *field = const_field_of(option, base);

	(void)snprintf(text, cap, "%s", *field != NULL ? *field : "");
}

/* --- numbers ----------------------------------------------------------------------------- */

static bool set_number(const struct config_option *option, void *base, const char *text,
		       struct reason *reason)
{
	unsigned *field = field_of(option, base);
	uint64_t number;

	if (!number_parse(str_of(text), UINT64_MAX, &number))
		return refuse(option, reason, "is not a number");
	if (number < option->min || number > option->max)
		return refuse(option, reason, "is out of range");
	*field = (unsigned)number;
	return true;
}

static void format_number(const struct config_option *option, const void *base, char *text,
			  size_t cap)
{
	const unsigned *field = const_field_of(option, base);

	(void)snprintf(text, cap, "%u", *field);
}

static unsigned suffix_shift(char suffix)
{
	switch (suffix) {
	case 'K':
	case 'k':
		return 10;
	case 'M':
	case 'm':
		return 20;
	case 'G':
	case 'g':
		return 30;
	}
	return 0;
}

static bool set_size(const struct config_option *option, void *base, const char *text,
		     struct reason *reason)
{
	uint64_t *field = field_of(option, base);
	struct str digits = str_of(text);
	unsigned shift = digits.n > 0 ? suffix_shift(digits.p[digits.n - 1]) : 0;
	uint64_t number;

	if (shift > 0)
		digits.n--;
	if (!number_parse(digits, UINT64_MAX, &number))
		return refuse(option, reason, "is not a size like 4096, 64K, 128M or 2G");
	if (number > option->max >> shift || number << shift < option->min)
		return refuse(option, reason, "is out of range");
	*field = number << shift;
	return true;
}

static void size_text(uint64_t octets, char *text, size_t cap)
{
	static const char *const suffixes[] = { "", "K", "M", "G" };
	size_t n = 0;

	while (n + 1 < ARRAY_SIZE(suffixes) && octets > 0 && octets % 1024 == 0) {
		octets /= 1024;
		n++;
	}
	(void)snprintf(text, cap, "%ju%s", (uintmax_t)octets, suffixes[n]);
}

static void format_size(const struct config_option *option, const void *base, char *text,
			size_t cap)
{
	const uint64_t *field = const_field_of(option, base);

	size_text(*field, text, cap);
}

static bool set_mode(const struct config_option *option, void *base, const char *text,
		     struct reason *reason)
{
	unsigned *field = field_of(option, base);
	unsigned mode = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 4)
		return refuse(option, reason, "is not a mode like 0660");
	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '7')
			return refuse(option, reason, "is not a mode like 0660");
		mode = mode << 3 | (unsigned)(text[i] - '0');
	}
	if (mode > option->max)
		return refuse(option, reason, "is out of range");
	*field = mode;
	return true;
}

static void format_mode(const struct config_option *option, const void *base, char *text,
			size_t cap)
{
	const unsigned *field = const_field_of(option, base);

	(void)snprintf(text, cap, "0%03o", *field);
}

/* --- words ------------------------------------------------------------------------------- */

/* Index of the word, -1 when it is none of them. */
static int word_index_n(const struct config_option *option, struct str text)
{
	for (int i = 0; option->words[i] != NULL; i++) {
		if (str_equal(text, str_of(option->words[i])))
			return i;
	}
	return -1;
}

static int word_index(const struct config_option *option, const char *text)
{
	return word_index_n(option, str_of(text));
}

static bool set_yes_no(const struct config_option *option, void *base, const char *text,
		       struct reason *reason)
{
	bool *field = field_of(option, base);
	int index = word_index(option, text);

	if (index < 0)
		return refuse(option, reason, "is not one of the words possible here");
	*field = index == 1;
	return true;
}

static void format_yes_no(const struct config_option *option, const void *base, char *text,
			  size_t cap)
{
	const bool *field = const_field_of(option, base);

	(void)snprintf(text, cap, "%s", option->words[*field ? 1 : 0]);
}

/* Every enum of struct config is an unsigned to the compiler, as long as no value is negative. */
static_assert(sizeof(enum config_protocol) == sizeof(unsigned) &&
		      sizeof(enum config_tls) == sizeof(unsigned),
	      "a choice is no unsigned");

static bool set_choice(const struct config_option *option, void *base, const char *text,
		       struct reason *reason)
{
	int index = word_index(option, text);
	unsigned value = (unsigned)index;

	if (index < 0)
		return refuse(option, reason, "is not one of the words possible here");
	memcpy(field_of(option, base), &value, sizeof value);
	return true;
}

static void format_choice(const struct config_option *option, const void *base, char *text,
			  size_t cap)
{
	unsigned value;

	memcpy(&value, const_field_of(option, base), sizeof value);
	(void)snprintf(text, cap, "%s", option->words[value]);
}

static bool set_word(const struct config_option *option, void *base, const char *text,
		     struct reason *reason)
{
	if (word_index(option, text) < 0)
		return refuse(option, reason, "is not one of the words possible here");
	return set_text(option, base, text, reason);
}

static bool set_character(const struct config_option *option, void *base, const char *text,
			  struct reason *reason)
{
	char *field = field_of(option, base);

	/* What may stand in an atom (RFC 5322 section 3.2.3) and is no letter or digit. */
	if (text[0] != '\0' &&
	    (text[1] != '\0' || strchr("!#$%&'*+-/=?^_`{|}~", text[0]) == NULL))
		return refuse(option, reason, "is not one character like \"+\" or \"-\"");
	*field = text[0];
	return true;
}

static void format_character(const struct config_option *option, const void *base, char *text,
			     size_t cap)
{
	const char *field = const_field_of(option, base);

	(void)snprintf(text, cap, "%.*s", *field != '\0' ? 1 : 0, field);
}

/* --- lists ------------------------------------------------------------------------------- */

static bool set_network(const struct config_option *option, void *base, const char *text,
			struct reason *reason)
{
	struct config_networks *list = field_of(option, base);
	struct network network, *grown;

	if (!network_parse(text, &network, reason))
		return false;
	if (list->n == CONFIG_NETWORKS_MAX) {
		(void)snprintf(reason->text, sizeof reason->text,
			       "is one network too many: there may be %d", CONFIG_NETWORKS_MAX);
		return false;
	}
	grown = reallocarray(list->items, list->n + 1, sizeof *grown);
	if (grown == NULL)
		return refuse(option, reason, "cannot be kept: out of memory");
	grown[list->n++] = network;
	list->items = grown;
	return true;
}

static void format_networks(const struct config_option *option, const void *base, char *text,
			    size_t cap)
{
	const struct config_networks *networks = const_field_of(option, base);
	struct buf list = buf_over(text, cap - 1);
	char network[64];

	(void)buf_add_char(&list, '{');
	for (size_t i = 0; i < networks->n; i++) {
		network_format(&networks->items[i], network, sizeof network);
		(void)buf_add(&list, i > 0 ? STR(", ") : STR(""));
		log_escape(&list, str_of(network), sizeof network);
	}
	(void)buf_add_char(&list, '}');
	text[list.n] = '\0';
}

/* "sql, pam": words in their order, each once, with commas or spaces between. */
static bool set_backends(const struct config_option *option, void *base, const char *text,
			 struct reason *reason)
{
	struct config_backends *field = field_of(option, base);
	struct config_backends read = { .count = 0 };

	for (text += strspn(text, ", "); *text != '\0'; text += strspn(text, ", ")) {
		struct str word = { text, strcspn(text, ", ") };
		int index = word_index_n(option, word);

		if (index < 0)
			return refuse(option, reason, "holds a word that is not possible here");
		for (size_t i = 0; i < read.count; i++)
			if (read.order[i] == (enum config_backend)index)
				return refuse(option, reason, "holds a word twice");
		read.order[read.count++] = (enum config_backend)index;
		text += word.n;
	}
	if (read.count == 0)
		return refuse(option, reason, "must not be empty");
	*field = read;
	return true;
}

static void format_backends(const struct config_option *option, const void *base, char *text,
			    size_t cap)
{
	const struct config_backends *field = const_field_of(option, base);
	struct buf list = buf_over(text, cap - 1);

	for (size_t i = 0; i < field->count; i++) {
		(void)buf_add(&list, i > 0 ? STR(", ") : STR(""));
		(void)buf_add(&list, str_of(option->words[field->order[i]]));
	}
	text[list.n] = '\0';
}

/* --- by type ----------------------------------------------------------------------------- */

static const struct {
	bool (*set)(const struct config_option *option, void *base, const char *text,
		    struct reason *reason);
	void (*format)(const struct config_option *option, const void *base, char *text,
		       size_t cap);
	bool quoted;
	bool allocated; /* the field is a char * of ours */
} types[] = {
	[OPTION_TEXT] = { set_text, format_text, true, true },
	[OPTION_OPTIONAL] = { set_text, format_text, true, true },
	[OPTION_DIRECTORY] = { set_text, format_text, true, true },
	[OPTION_TLS_DIR] = { set_text, format_text, true, true },
	[OPTION_HOSTNAME] = { set_text, format_text, true, true },
	[OPTION_POSTMASTER] = { set_text, format_text, true, true },
	[OPTION_LISTEN] = { set_text, format_text, true, true },
	[OPTION_NUMBER] = { set_number, format_number, false, false },
	[OPTION_SIZE] = { set_size, format_size, false, false },
	[OPTION_MODE] = { set_mode, format_mode, false, false },
	[OPTION_YES_NO] = { set_yes_no, format_yes_no, false, false },
	[OPTION_CHOICE] = { set_choice, format_choice, false, false },
	[OPTION_WORD] = { set_word, format_text, false, true },
	[OPTION_CHARACTER] = { set_character, format_character, true, false },
	[OPTION_DOMAIN] = { set_text, format_text, true, true },
	[OPTION_SERVICE] = { set_text, format_text, true, true },
	[OPTION_BACKENDS] = { set_backends, format_backends, true, false },
	[OPTION_NETWORKS] = { set_network, format_networks, false, false },
	[OPTION_SET] = { words_add, words_format, false, false },
};

bool option_set(const struct config_option *option, void *base, const char *text,
		struct reason *reason)
{
	return types[option->type].set(option, base, text, reason);
}

void option_format(const struct config_option *option, const void *base, char *text, size_t cap)
{
	types[option->type].format(option, base, text, cap);
}

bool option_quoted(const struct config_option *option)
{
	return types[option->type].quoted;
}

static void words_text(const char *const *words, char *text, size_t cap)
{
	struct buf list = buf_over(text, cap - 1);

	for (size_t i = 0; words[i] != NULL; i++) {
		if (i > 0)
			(void)buf_add(&list, words[i + 1] == NULL ? STR(" or ") : STR(", "));
		(void)buf_add(&list, str_of(words[i]));
	}
	text[list.n] = '\0';
}

void option_range(const struct config_option *option, char *text, size_t cap)
{
	char min[32], max[32];

	text[0] = '\0';
	if (option->words != NULL) {
		words_text(option->words, text, cap);
	} else if (option->type == OPTION_NUMBER) {
		(void)snprintf(text, cap, "%ju to %ju", (uintmax_t)option->min,
			       (uintmax_t)option->max);
	} else if (option->type == OPTION_SIZE) {
		size_text(option->min, min, sizeof min);
		size_text(option->max, max, sizeof max);
		(void)snprintf(text, cap, "%s to %s", min, max);
	} else if (option->type == OPTION_MODE) {
		(void)snprintf(text, cap, "0000 to 0%03jo", (uintmax_t)option->max);
	}
}

void option_free(const struct config_option *option, void *base)
{
	if (types[option->type].allocated) {
		char **field = field_of(option, base);

		free(*field);
		*field = NULL;
	} else if (option->type == OPTION_NETWORKS) {
		struct config_networks *list = field_of(option, base);

		free(list->items);
		*list = (struct config_networks){ 0 };
	}
}
