/*
 * ESMTP parameters of MAIL and RCPT (RFC 5321 section 4.1.2): SIZE (RFC 1870), BODY (RFC 6152),
 * SMTPUTF8 (RFC 6531). We offer nothing for RCPT, and neither AUTH nor DSN for MAIL.
 */
#include "lmtp/lmtp_private.h"

#include "base/number.h"

struct parameter {
	struct str keyword;
	struct str value;
	bool has_value;
};

/* RFC 1870 section 3: 1*20DIGIT, and only once (section 6). */
static enum lmtp_parameters_status set_size(struct lmtp_parameters *parameters,
					    const struct parameter *parameter)
{
	struct str digits = parameter->value;

	if (parameters->size_given || digits.n == 0 || digits.n > 20)
		return LMTP_PARAMETERS_SYNTAX;
	for (size_t i = 0; i < digits.n; i++)
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return LMTP_PARAMETERS_SYNTAX;
	if (!number_parse(digits, UINT64_MAX, &parameters->size))
		parameters->size = UINT64_MAX;
	parameters->size_given = true;
	return LMTP_PARAMETERS_OK;
}

static enum lmtp_parameters_status set_body(struct lmtp_parameters *parameters,
					    const struct parameter *parameter)
{
	if (parameters->body_given)
		return LMTP_PARAMETERS_SYNTAX;
	parameters->body_given = true;
	/* RFC 6856 section 2.1: POP3 cannot hand out binary MIME, so we do not take it in. */
	if (str_equal_nocase(parameter->value, STR("BINARYMIME")))
		return LMTP_PARAMETERS_UNKNOWN;
	parameters->body8bit = str_equal_nocase(parameter->value, STR("8BITMIME"));
	if (!parameters->body8bit && !str_equal_nocase(parameter->value, STR("7BIT")))
		return LMTP_PARAMETERS_SYNTAX;
	return LMTP_PARAMETERS_OK;
}

/* RFC 6531 section 3.4: it has no value. */
static enum lmtp_parameters_status set_smtputf8(struct lmtp_parameters *parameters,
						const struct parameter *parameter)
{
	if (parameters->smtputf8 || parameter->has_value)
		return LMTP_PARAMETERS_SYNTAX;
	parameters->smtputf8 = true;
	return LMTP_PARAMETERS_OK;
}

static const struct known_parameter {
	struct str keyword;
	enum lmtp_parameters_status (*set)(struct lmtp_parameters *parameters,
					   const struct parameter *parameter);
} known_parameters[] = {
	{ STR_INIT("SIZE"), set_size },
	{ STR_INIT("BODY"), set_body },
	{ STR_INIT("SMTPUTF8"), set_smtputf8 },
};

/* (ALPHA / DIGIT) *(ALPHA / DIGIT / "-") */
static bool is_keyword(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || (c == '-' && i > 0)))
			return false;
	}
	return s.n > 0;
}

/* Takes SP keyword [ "=" value ]; a value may hold UTF-8 (RFC 6531 section 3.3). */
static bool take_parameter(struct str *text, struct parameter *parameter)
{
	const char *space, *equals;
	struct str token;

	if (*text->p != ' ')
		return false;
	token = str_from(*text, 1);
	space = token.n > 0 ? memchr(token.p, ' ', token.n) : NULL;
	if (space != NULL)
		token.n = (size_t)(space - token.p);
	*text = str_from(*text, 1 + token.n);
	equals = token.n > 0 ? memchr(token.p, '=', token.n) : NULL;
	*parameter = (struct parameter){ .keyword = token, .has_value = equals != NULL };
	if (equals == NULL)
		return is_keyword(token);
	parameter->keyword.n = (size_t)(equals - token.p);
	parameter->value = str_from(token, parameter->keyword.n + 1);
	return is_keyword(parameter->keyword) && parameter->value.n > 0 &&
	       memchr(parameter->value.p, '=', parameter->value.n) == NULL;
}

/* A syntax error anywhere outweighs an unknown parameter before it. */
enum lmtp_parameters_status lmtp_mail_parameters(struct str text,
						 struct lmtp_parameters *parameters)
{
	enum lmtp_parameters_status result = LMTP_PARAMETERS_OK;

	*parameters = (struct lmtp_parameters){ 0 };
	while (text.n > 0) {
		enum lmtp_parameters_status status = LMTP_PARAMETERS_UNKNOWN;
		struct parameter parameter;

		if (!take_parameter(&text, &parameter))
			return LMTP_PARAMETERS_SYNTAX;
		for (size_t i = 0; i < ARRAY_SIZE(known_parameters); i++)
			if (str_equal_nocase(parameter.keyword, known_parameters[i].keyword))
				status = known_parameters[i].set(parameters, &parameter);
		if (status == LMTP_PARAMETERS_SYNTAX)
			return status;
		if (status == LMTP_PARAMETERS_UNKNOWN)
			result = status;
	}
	return result;
}

enum lmtp_parameters_status lmtp_rcpt_parameters(struct str text)
{
	bool any = text.n > 0;

	while (text.n > 0) {
		struct parameter parameter;

		if (!take_parameter(&text, &parameter))
			return LMTP_PARAMETERS_SYNTAX;
	}
	return any ? LMTP_PARAMETERS_UNKNOWN : LMTP_PARAMETERS_OK;
}
