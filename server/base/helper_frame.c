/* The frames between restanted and restante-pam: see restante/pam_helper.h. */
#include "restante/pam_helper.h"

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

bool helper_user_possible(struct str user)
{
	static const char others[] = "abcdefghijklmnopqrstuvwxyz0123456789_.-";

	if (user.n == 0 || user.n > HELPER_USER_MAX || user.p[0] == '.' || user.p[0] == '-')
		return false;
	for (size_t i = 0; i < user.n; i++)
		if (memchr(others, user.p[i], sizeof others - 1) == NULL)
			return false;
	return true;
}

/* A file's name in one folder, as users' names are. */
bool helper_service_possible(struct str service)
{
	return service.n <= HELPER_SERVICE_MAX && helper_user_possible(service);
}

static bool password_possible(struct str password)
{
	return password.n > 0 && password.n <= PASSWORD_MAX &&
	       memchr(password.p, '\0', password.n) == NULL;
}

static bool request_possible(const struct helper_request *request)
{
	if (!helper_user_possible(request->user) || request->address.n > HELPER_ADDRESS_MAX ||
	    has_control(request->address))
		return false;
	switch (request->kind) {
	case HELPER_LOOK_UP:
		return request->password.n == 0 && request->service.n == 0;
	case HELPER_LOG_IN:
	case HELPER_PRETEND:
		return password_possible(request->password) &&
		       helper_service_possible(request->service);
	case HELPER_KIND_END:
		break;
	}
	return false;
}

static size_t put(char *octets, size_t n, struct str field)
{
	octets[n++] = (char)(unsigned char)(field.n >> 8);
	octets[n++] = (char)(unsigned char)(field.n & 0xff);
	if (field.n > 0)
		memcpy(octets + n, field.p, field.n);
	return n + field.n;
}

size_t helper_request_encode(const struct helper_request *request,
			     char octets[HELPER_REQUEST_MAX])
{
	size_t n = 0;

	if (!request_possible(request))
		return 0;
	octets[n++] = HELPER_VERSION;
	octets[n++] = (char)request->kind;
	n = put(octets, n, request->user);
	n = put(octets, n, request->password);
	n = put(octets, n, request->address);
	return put(octets, n, request->service);
}

/* Takes one field off the front. */
static bool take(struct str *octets, struct str *field)
{
	if (octets->n < 2)
		return false;
	field->n = (size_t)(unsigned char)octets->p[0] << 8 | (unsigned char)octets->p[1];
	field->p = octets->p + 2;
	*octets = str_from(*octets, 2);
	if (field->n > octets->n)
		return false;
	*octets = str_from(*octets, field->n);
	return true;
}

bool helper_request_decode(struct str octets, struct helper_request *request)
{
	struct helper_request read = { .kind = HELPER_KIND_END };
	struct str rest = str_from(octets, 2);
	bool good;

	memset(request, 0, sizeof *request);
	if (octets.n < 2 || octets.n > HELPER_REQUEST_MAX || octets.p[0] != HELPER_VERSION)
		return false;
	if (octets.p[1] >= HELPER_LOOK_UP && octets.p[1] < HELPER_KIND_END)
		read.kind = (enum helper_kind)octets.p[1];
	good = take(&rest, &read.user) && take(&rest, &read.password) &&
	       take(&rest, &read.address) && take(&rest, &read.service) && rest.n == 0 &&
	       request_possible(&read);
	if (good)
		*request = read;
	return good;
}

void helper_reply_encode(const struct helper_reply *reply, char octets[HELPER_REPLY_OCTETS])
{
	octets[0] = HELPER_VERSION;
	octets[1] = (char)reply->verdict;
	octets[2] = (char)reply->stage;
	octets[3] = (char)reply->code;
}

bool helper_reply_decode(struct str octets, struct helper_reply *reply)
{
	memset(reply, 0, sizeof *reply);
	if (octets.n != HELPER_REPLY_OCTETS || octets.p[0] != HELPER_VERSION ||
	    octets.p[1] < HELPER_YES || octets.p[1] >= HELPER_VERDICT_END ||
	    octets.p[2] < HELPER_AT_LOOK_UP || octets.p[2] >= HELPER_STAGE_END)
		return false;
	reply->verdict = (enum helper_verdict)octets.p[1];
	reply->stage = (enum helper_stage)octets.p[2];
	reply->code = (unsigned char)octets.p[3];
	return true;
}
