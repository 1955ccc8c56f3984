#!/bin/sh
# Unpacks Cyrus from Debian's packages into build/peers/cyrus. Not installed, because its package and
# Dovecot's exclude each other. Changes nothing else, and needs no root.
set -eu

folder=$(dirname "$0")/../../../build/peers/cyrus
mkdir -p "$folder/packages"
cd "$folder/packages"
apt-get -qq download cyrus-common cyrus-pop3d libical3 libxapian30 libzephyr4 sasl2-bin
for package in *.deb; do
	dpkg -x "$package" ..
done
