#!/usr/bin/env bash
# Builds restante and shows it at work on this machine, without touching anything else:
#
#	packaging/try.sh [--once] [--dir FOLDER]
#
# A private server on free high ports of 127.0.0.1 takes a message by LMTP; curl fetches it by POP3;
# then the server stays for you to connect a mail client, until Ctrl-C.
#
# --once ends after the fetch; the exit status tells whether the message came back as it was.
# --dir keeps the server's data in FOLDER (absolute or not) and goes on from there next time;
# without it the data is in a temporary folder and removed at the end. RESTANTE_BUILD names another
# build folder than build/try.
set -eu -o pipefail
cd "$(dirname "$0")/.."

once=
data=
while [ $# -gt 0 ]; do
	case $1 in
	--once) once=yes ;;
	--dir)
		data=${2:?"--dir needs a folder"}
		shift
		;;
	*)
		echo "usage: packaging/try.sh [--once] [--dir FOLDER]" >&2
		exit 64
		;;
	esac
	shift
done

build=${RESTANTE_BUILD:-build/try}
address=you@example.test
message=packaging/try-message.eml
server=
temporary=
made=

exec 3>&1 # for what is shown beside the output of a command that is caught

step() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# Shows a command as it could be typed, then runs it.
run() {
	printf '   $ %s\n' "$*" >&3
	"$@"
}

# By an error, show the log while it is there; 128 and more is a signal.
quit() {
	local status=$?
	trap - EXIT
	if [ "$status" -ne 0 ] && [ "$status" -lt 128 ] && [ -s "$data/log" ]; then
		echo "The end of the server's log:" >&2
		tail -n 20 "$data/log" >&2
	fi
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
		echo "The server is stopped."
	fi
	if [ -n "$temporary" ]; then
		rm -rf "$data"
	else
		echo "Its data is in $data."
	fi
	exit "$status"
}

answers() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A port of 127.0.0.1 that nobody answers on, and none of "$@".
free_port() {
	local port=
	while [ -z "$port" ] || [[ " $* " == *" $port "* ]] || answers "$port"; do
		port=$((20000 + RANDOM % 12000))
	done
	echo "$port"
}

if [ -z "$data" ]; then
	data=$(mktemp -d "${TMPDIR:-/tmp}/restante-try.XXXXXX")
	temporary=yes
	made=yes
fi
trap quit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ! -d "$data" ]; then
	mkdir -p -m 700 "$data"
	made=yes
fi
data=$(cd "$data" && pwd)

step "1. What the build needs"
sh packaging/install-deps.sh try
echo "   All of it is installed."

step "2. Building server and tool into $build (the first time takes a minute)"
if ! { cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DRESTANTE_TESTS=OFF &&
	cmake --build "$build"; } >"$data/build.log" 2>&1; then
	tail -n 40 "$data/build.log" >&2
	exit 1
fi
restanted=$build/server/restanted
restante=$build/admin/restante

umask 077
mkdir -p "$data/mail" "$data/run"
# The server never stays root: started by root it becomes the user of its configuration. A folder
# that was there already keeps its owner.
user=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
	user=nobody
	[ -z "$made" ] || chown nobody: "$data"
	chown -R nobody: "$data/mail" "$data/run"
fi
config=$data/restante.conf
pop3_port=$(free_port)
pop3s_port=$(free_port "$pop3_port")
lmtp_port=$(free_port "$pop3_port" "$pop3s_port")

step "3. A certificate for localhost, a configuration and an empty store in $data"
if [ ! -e "$data/tls/localhost.crt" ]; then
	mkdir -p "$data/tls"
	run openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost -days 365 \
		-keyout "$data/tls/localhost.key" -out "$data/tls/localhost.crt" 2>"$data/tls/log" || {
		cat "$data/tls/log" >&2
		exit 1
	}
	[ "$(id -u)" -ne 0 ] || chown -R nobody: "$data/tls"
fi

cat >"$config" <<END
data_dir = "$data/mail"
run_dir = "$data/run"
user = "$user"
hostname = "localhost"
min_free = 1M
tls_dir = "$data/tls"

listener "pop3" {
	protocol = pop3
	address = "127.0.0.1:$pop3_port"
}
listener "pop3s" {
	protocol = pop3
	address = "127.0.0.1:$pop3s_port"
	tls = implicit
}
listener "lmtp" {
	protocol = lmtp
	address = "127.0.0.1:$lmtp_port"
}
END
if [ ! -e "$data/mail/accounts.db" ]; then
	run "$restante" -c "$config" init
fi

step "4. The server: POP3 on 127.0.0.1:$pop3_port and with TLS on $pop3s_port, LMTP on $lmtp_port"
printf '   $ %s\n' "$restanted --config $config"
"$restanted" --config "$config" 2>"$data/log" &
server=$!
until answers "$pop3_port" && answers "$pop3s_port" && answers "$lmtp_port"; do
	if ! kill -0 "$server" 2>/dev/null; then
		echo "The server did not start." >&2
		exit 1
	fi
	sleep 0.1
done
echo "   It runs as process $server and logs to $data/log."

step "5. A domain and a user with a password made for it"
if "$restante" -c "$config" user show "$address" >/dev/null 2>&1; then
	password=$(run "$restante" -c "$config" --quiet user passwd "$address" --generate)
else
	run "$restante" -c "$config" domain add "${address#*@}"
	password=$(run "$restante" -c "$config" --quiet user add "$address" --generate)
fi
echo "   The password is $password"

step "6. A message comes in by LMTP, as a mail transfer agent would hand it over"
run "$restante" -c "$config" deliver -f postmaster@example.test "$address" <"$message"

step "7. ... and goes out by POP3 over TLS: by STLS for the list, on the TLS port for the message"
trusted="--cacert $data/tls/localhost.crt"
# shellcheck disable=SC2086 # two words
count=$(run curl -sS $trusted --ssl-reqd -u "$address:$password" "pop3://localhost:$pop3_port/" |
	wc -l)
# shellcheck disable=SC2086
run curl -sS $trusted -u "$address:$password" "pop3s://localhost:$pop3s_port/$count" \
	>"$data/fetched.eml"
sed 's/^/   | /' "$data/fetched.eml"

# The server puts its trace lines before the message; the rest must be what was sent. Lines end in
# CRLF on the wire.
if ! tr -d '\r' <"$data/fetched.eml" | tail -c "$(wc -c <"$message")" | cmp - "$message"; then
	echo "This is not the message that was sent." >&2
	exit 1
fi
echo "   Octet for octet the message that was sent."
[ -z "$once" ] || exit 0

trap 'exit 0' INT
step "8. Your turn"
cat <<END
   Connect a mail client by POP3 to
      server localhost, port $pop3s_port, TLS; or port $pop3_port, STARTTLS. The certificate is its own:
      the client will ask whether you trust it.
      user $address, password $password
   From another terminal, in $PWD, send the server more mail:
      $restante -c $config deliver $address < $message
   See and change what is there:
      $restante -c $config status
      $restante -c $config --help
   Ctrl-C stops the server.
END
wait "$server"
