#!/bin/sh
# Installs the Debian packages that a purpose needs and that are not there yet:
#
#	packaging/install-deps.sh build | try | tests | testssl | bench
#
# The one list of them, for packaging/try.sh, tests/run.sh, tests/bench/bench.py and people. Needs
# nothing but a shell; asks for root only when something is missing.
set -eu

build='gcc libc6-dev cmake ninja-build pkg-config libsqlite3-dev libssl-dev libconfuse-dev
	libcrypt-dev libargon2-dev libidn-dev libpam0g-dev libsmartcols-dev uthash-dev'
try="$build curl openssl"
# llvm has the symbolizer, without which a sanitizer's exceptions match nothing.
tests="$build clang libclang-rt-14-dev llvm clang-format-14 universal-ctags binutils libcmocka-dev
	fail2ban libgsasl-dev python3 sqlite3 curl openssl fetchmail mpop getmail6 mutt swaks perl
	libio-socket-ssl-perl libauthen-sasl-perl libdigest-hmac-perl postfix haproxy libpam-wrapper
	groff-base systemd"
testssl="$build python3 openssl testssl.sh"
# What the server is measured against.
bench="$build libcmocka-dev python3 openssl dovecot-pop3d dovecot-lmtpd"

case ${1-} in
build) wanted=$build ;;
try) wanted=$try ;;
tests) wanted=$tests ;;
testssl) wanted=$testssl ;;
bench) wanted=$bench ;;
*)
	echo "usage: $0 build | try | tests | testssl | bench" >&2
	exit 64
	;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "This is not a Debian system: make sure that its counterparts of these are installed:" >&2
	# shellcheck disable=SC2086 # a list of words
	echo $wanted >&2
	exit 0
fi

missing=
for package in $wanted; do
	dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
		missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Packages to install:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "Only root can install them. As root: apt-get install$missing" >&2
		exit 77
	fi
	echo "Only root can install them: sudo may ask for your password."
	as_root=sudo
fi

# Postfix is wanted for its programs alone: without a configuration its package starts nothing.
case $missing in
*postfix*)
	echo 'postfix postfix/main_mailer_type select No configuration' |
		$as_root debconf-set-selections
	;;
esac
# fail2ban, haproxy and dovecot are wanted for their programs alone: their services are neither
# started nor enabled here.
policy=/usr/sbin/policy-rc.d
case $missing in
*fail2ban* | *haproxy* | *dovecot*)
	if [ ! -e $policy ]; then
		trap '$as_root rm -f $policy' EXIT
		printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
		$as_root chmod 755 $policy
	fi
	;;
esac
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
	-o Dpkg::Use-Pty=0 install $missing >/dev/null
for service in fail2ban haproxy dovecot; do
	case $missing in
	*$service*)
		if command -v systemctl >/dev/null; then
			$as_root systemctl --quiet disable $service.service 2>/dev/null
		fi
		;;
	esac
done
