/*
 * Opening: which of server and store a command talks to. What is said to them is in
 * backend_calls.c.
 */
#include "backend.h"

#include "complain.h"
#include "control_client.h"

static int connect_server(struct tool *tool, struct backend *backend, bool *running)
{
	struct fault fault = { "" };
	char path[4096];
	*running = false;
	int code = tool_path(tool, CONFIG_CONTROL_SOCKET, path, sizeof path);
	if (code != EX_OK)
		return code;
	switch (control_connect(path, &backend->server, &fault)) {
	case CONTROL_DONE:
		*running = true;
		return EX_OK;
	case CONTROL_NO_SERVER:
		return EX_OK;
	case CONTROL_DENIED:
		return complain(EX_NOPERM,
				"may not speak to the server: %s; run this as root or as the "
				"server's user",
				fault.text);
	case CONTROL_REFUSED:
	case CONTROL_BROKEN:
		break;
	}
	return complain(EX_UNAVAILABLE, "cannot speak to the server: %s", fault.text);
}

static int open_store(struct tool *tool, bool exclusive, struct backend *backend)
{
	struct fault fault = { "" };
	char dir[4096];
	int code = tool_data(tool);
	if (code == EX_OK)
		code = tool_path(tool, CONFIG_MAIL_DIR, dir, sizeof dir);
	if (code == EX_OK)
		code = tool_same_store(tool);
	if (code != EX_OK)
		return code;
	struct store_options options = { .dir = dir, .exclusive = exclusive };
	enum store_status status = store_open(&options, &backend->store, &fault);
	if (status == STORE_IN_USE)
		return complain(
			EX_TEMPFAIL,
			"another process owns the store in \"%s\", but no server answers at "
			"the control socket; is it starting or stopping? try again",
			dir);
	if (status == STORE_OK)
		status = store_reader_open(backend->store, &backend->reader, &fault);
	if (status == STORE_OK)
		return EX_OK;
	store_close(&backend->store);
	return complain_store(status, &fault, "open the store in", dir);
}

int backend_open(struct tool *tool, enum backend_need need, struct backend *backend)
{
	bool running;
	*backend = (struct backend){ 0 };
	int code = tool_become_owner(tool);
	if (code == EX_OK)
		code = connect_server(tool, backend, &running);
	if (code != EX_OK || running)
		return code;
	return open_store(tool, need == BACKEND_CHANGE, backend);
}

int backend_open_reader(struct tool *tool, struct backend *backend)
{
	*backend = (struct backend){ 0 };
	int code = tool_become_owner(tool);
	return code == EX_OK ? open_store(tool, false, backend) : code;
}

int backend_open_server(struct tool *tool, struct backend *backend)
{
	bool running;
	*backend = (struct backend){ 0 };
	int code = tool_become_owner(tool);
	if (code == EX_OK)
		code = connect_server(tool, backend, &running);
	if (code != EX_OK || running)
		return code;
	return complain(EX_UNAVAILABLE, "the server does not run; start it with: restanted");
}

bool backend_server_runs(struct tool *tool)
{
	struct control_client *client = NULL;
	struct fault fault;
	char path[4096];
	if (!config_path(tool->config, CONFIG_CONTROL_SOCKET, path, sizeof path))
		return false;
	enum control_answer answer = control_connect(path, &client, &fault);
	control_close(&client);
	/* A server that will not speak to us runs all the same. */
	return answer == CONTROL_DONE || answer == CONTROL_DENIED;
}

void backend_close(struct backend *backend)
{
	control_close(&backend->server);
	store_reader_close(&backend->reader);
	store_close(&backend->store);
}
