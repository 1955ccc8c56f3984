/* Addresses of listeners, and the server's own name: see config_address.h. */
#include "config_address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#include "base/number.h"
#include "restante/limits.h"

static bool parse_unix(const char *path, struct config_address *address, const char **why)
{
	struct sockaddr_un *local = &address->u.local;
	size_t n = strlen(path);

	if (path[0] != '/') {
		*why = "the path after \"unix:\" must begin with \"/\"";
		return false;
	}
	if (n >= sizeof local->sun_path) {
		*why = "the path of a unix socket has at most 107 characters";
		return false;
	}
	local->sun_family = AF_UNIX;
	memcpy(local->sun_path, path, n + 1);
	address->len = sizeof *local;
	return true;
}

static bool parse_v6(const char *host, uint16_t port, struct config_address *address)
{
	struct sockaddr_in6 *v6 = &address->u.v6;

	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	address->len = sizeof *v6;
	return inet_pton(AF_INET6, host, &v6->sin6_addr) == 1;
}

static bool parse_v4(const char *host, uint16_t port, struct config_address *address)
{
	struct sockaddr_in *v4 = &address->u.v4;

	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	address->len = sizeof *v4;
	address->any = strcmp(host, "*") == 0;
	return address->any || inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

bool address_parse(const char *text, struct config_address *address, const char **why)
{
	static const char form[] = "write ADDRESS:PORT, [IPv6]:PORT, *:PORT or unix:/PATH";
	char host[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	const char *begin = text;
	uint64_t port;
	size_t n;

	memset(address, 0, sizeof *address);
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, address, why);
	*why = form;
	if (colon == NULL || !number_parse(str_of(colon + 1), UINT16_MAX, &port))
		return false;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && colon[-1] == ']') {
		begin++;
		n -= 2;
	}
	if (n >= sizeof host)
		return false;
	memcpy(host, begin, n);
	host[n] = '\0';
	return begin > text ? parse_v6(host, (uint16_t)port, address)
			    : parse_v4(host, (uint16_t)port, address);
}

bool hostname_valid(const char *name)
{
	size_t n = strlen(name);
	bool literal = n > 2 && name[0] == '[' && name[n - 1] == ']';
	char before = '.';

	if (n > LMTP_DOMAIN_MAX)
		return false;
	for (size_t i = literal; i < n - literal; i++) {
		if (!isalnum((unsigned char)name[i]) &&
		    strchr(literal ? "-.:" : "-._", name[i]) == NULL)
			return false;
		if (!literal && name[i] == '.' && before == '.')
			return false;
		before = name[i];
	}
	return n == 0 || literal || before != '.';
}
