/*
 * A request to the PAM helper. Input: a packet as a peer might send it, taken twice: as it is, and
 * cut at each LF into the fields of a request that the server would send.
 *
 * What must hold: what is taken for a request is within every limit, lies in the packet, fits to be
 * shown to NSS and PAM as C strings, and is the one encoding of itself; what is encoded decodes to
 * the same.
 */
#include "fuzz.h"
#include "restante/pam_helper.h"

static bool lies_in(struct str field, struct str octets)
{
	return field.p >= octets.p && field.p + field.n <= octets.p + octets.n;
}

static void check_user(struct str user)
{
	FUZZ_CHECK(user.n > 0 && user.n <= HELPER_USER_MAX);
	FUZZ_CHECK(user.p[0] != '.' && user.p[0] != '-');
	for (size_t i = 0; i < user.n; i++)
		FUZZ_CHECK((user.p[i] >= 'a' && user.p[i] <= 'z') ||
			   (user.p[i] >= '0' && user.p[i] <= '9') || user.p[i] == '.' ||
			   user.p[i] == '_' || user.p[i] == '-');
}

static void check_taken(const struct helper_request *request, struct str octets)
{
	char again[HELPER_REQUEST_MAX];
	size_t n = helper_request_encode(request, again);

	FUZZ_CHECK(str_equal((struct str){ again, n }, octets));
	FUZZ_CHECK(lies_in(request->user, octets) && lies_in(request->password, octets) &&
		   lies_in(request->address, octets) && lies_in(request->service, octets));
	check_user(request->user);
	FUZZ_CHECK(request->password.n <= PASSWORD_MAX &&
		   memchr(request->password.p, '\0', request->password.n) == NULL);
	FUZZ_CHECK(request->address.n <= HELPER_ADDRESS_MAX);
	for (size_t i = 0; i < request->address.n; i++)
		FUZZ_CHECK((unsigned char)request->address.p[i] >= ' ');
	if (request->kind == HELPER_LOG_IN || request->kind == HELPER_PRETEND) {
		check_user(request->service);
		FUZZ_CHECK(request->password.n > 0);
	} else {
		FUZZ_CHECK(request->kind == HELPER_LOOK_UP);
		FUZZ_CHECK(request->password.n == 0 && request->service.n == 0);
	}
}

static void check_round(struct str in)
{
	struct helper_request request = { .kind = HELPER_LOG_IN }, read;
	char octets[HELPER_REQUEST_MAX];
	size_t n;

	request.user = fuzz_line(&in);
	request.service = fuzz_line(&in);
	request.address = fuzz_line(&in);
	request.password = in;
	if (in.n == 0)
		request.kind = HELPER_LOOK_UP;
	n = helper_request_encode(&request, octets);
	if (n == 0)
		return;
	FUZZ_CHECK(n <= sizeof octets);
	FUZZ_CHECK(helper_request_decode((struct str){ octets, n }, &read));
	FUZZ_CHECK(read.kind == request.kind && str_equal(read.user, request.user) &&
		   str_equal(read.password, request.password) &&
		   str_equal(read.address, request.address) &&
		   str_equal(read.service, request.service));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = fuzz_input(data, size);
	char *copy = fuzz_copy(in);
	struct str octets = { copy, size };
	struct helper_request request;

	if (helper_request_decode(octets, &request))
		check_taken(&request, octets);
	else
		FUZZ_CHECK(request.user.p == NULL && request.password.p == NULL);
	check_round(octets);
	free(copy);
	return 0;
}
