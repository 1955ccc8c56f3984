/*
 * Paths and parameters of MAIL and RCPT. Input: any octets, behind "MAIL FROM:" as it were.
 *
 * What must hold: what is taken lies in the input, in its place and within its limits; a forward
 * path's address is a local-part, "@" and the domain as it came, and is the same when it is written
 * as a path again; no control character passes; what is well-formed stays so before more text.
 */
#include "fuzz.h"
#include "lmtp/lmtp_private.h"

#define ADDRESS_ROOM (LMTP_LOCAL_PART_MAX + 1 + LMTP_DOMAIN_MAX + 1)

static bool lies_in(struct str part, struct str text)
{
	return part.n == 0 || (part.p >= text.p && part.p + part.n <= text.p + text.n);
}

static bool has_control(struct str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7F)
			return true;
	return false;
}

/* As a quoted string the same address comes out. */
static void check_quoted_again(struct str address, const struct lmtp_path *path)
{
	struct fuzz_text text = { 0 };
	struct lmtp_path again;
	char memory[ADDRESS_ROOM];
	struct buf buf = buf_over(memory, sizeof memory);
	struct str rest;

	fuzz_add(&text, STR("<\""));
	for (size_t i = 0; i < address.n - path->domain.n - 1; i++) {
		char c = address.p[i];

		if (c == '"' || c == '\\')
			fuzz_add(&text, STR("\\"));
		fuzz_add(&text, (struct str){ &c, 1 });
	}
	fuzz_add(&text, STR("\"@"));
	fuzz_add(&text, path->domain);
	fuzz_add(&text, STR(">"));
	rest = fuzz_str(&text);
	if (rest.n <= LMTP_PATH_MAX) {
		FUZZ_CHECK(lmtp_path_take(&rest, LMTP_FORWARD_PATH, &again) == LMTP_PATH_OK);
		FUZZ_CHECK(rest.n == 0 && lmtp_path_unquote(&again, &buf));
		FUZZ_CHECK(str_equal(buf_str(&buf), address));
	}
	free(text.p);
}

static void check_address(const struct lmtp_path *path)
{
	char memory[ADDRESS_ROOM];
	struct buf address = buf_over(memory, sizeof memory);

	if (!lmtp_path_unquote(path, &address))
		return;
	FUZZ_CHECK(!has_control(buf_str(&address)));
	if (path->domain.n == 0) {
		FUZZ_CHECK(str_equal(buf_str(&address), STR("postmaster")));
		return;
	}
	FUZZ_CHECK(address.n - path->domain.n - 1 <= LMTP_LOCAL_PART_MAX);
	FUZZ_CHECK(address.p[address.n - path->domain.n - 1] == '@');
	FUZZ_CHECK(str_equal(str_from(buf_str(&address), address.n - path->domain.n),
			     path->domain));
	check_quoted_again(buf_str(&address), path);
}

static void check_path(struct str text, enum lmtp_path_kind kind)
{
	struct str rest = text, whole;
	struct lmtp_path path;

	if (lmtp_path_take(&rest, kind, &path) != LMTP_PATH_OK)
		return;
	FUZZ_CHECK(lies_in(rest, text) && rest.p + rest.n == text.p + text.n);
	whole = (struct str){ text.p, text.n - rest.n };
	FUZZ_CHECK(whole.n >= 2 && whole.n <= LMTP_PATH_MAX);
	FUZZ_CHECK(whole.p[0] == '<' && whole.p[whole.n - 1] == '>' && !has_control(whole));
	FUZZ_CHECK(lies_in(path.mailbox, whole) && lies_in(path.local, path.mailbox) &&
		   lies_in(path.domain, path.mailbox));
	FUZZ_CHECK(path.domain.n == 0 || path.local.n + 1 + path.domain.n == path.mailbox.n);
	FUZZ_CHECK(path.mailbox.n > 0 || kind == LMTP_REVERSE_PATH);
	if (kind == LMTP_FORWARD_PATH)
		check_address(&path);
}

/* All that is good for RCPT would be good for MAIL by its grammar: RCPT offers nothing. */
static void check_parameters(struct str text)
{
	struct lmtp_parameters parameters;
	enum lmtp_parameters_status mail = lmtp_mail_parameters(text, &parameters);
	enum lmtp_parameters_status rcpt = lmtp_rcpt_parameters(text);

	FUZZ_CHECK((mail == LMTP_PARAMETERS_OK && text.n == 0) == (rcpt == LMTP_PARAMETERS_OK));
	FUZZ_CHECK(rcpt != LMTP_PARAMETERS_SYNTAX || mail == LMTP_PARAMETERS_SYNTAX);
	if (mail == LMTP_PARAMETERS_OK) {
		FUZZ_CHECK(text.n == 0 || text.p[0] == ' ');
		FUZZ_CHECK(parameters.body_given || !parameters.body8bit);
		FUZZ_CHECK(parameters.size_given || parameters.size == 0);
		FUZZ_CHECK(!has_control(text));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = fuzz_copy(fuzz_input(data, size));
	struct str text = { copy, size };
	const char *space;

	check_path(text, LMTP_REVERSE_PATH);
	check_path(text, LMTP_FORWARD_PATH);
	(void)lmtp_client_name_valid(text);
	space = size == 0 ? NULL : memchr(text.p, ' ', text.n);
	if (space != NULL)
		check_parameters(str_from(text, (size_t)(space - text.p)));
	check_parameters(text);
	free(copy);
	return 0;
}
