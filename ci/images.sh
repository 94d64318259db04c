#!/bin/sh
# Builds the images that the demo and the tests run, from Debian packages:
#
#   build/images/python.tar     demo/python:latest     Debian with python3
#   build/images/services.tar   demo/services:latest   Debian with redis and nginx
#   build/images/probe.tar      demo/probe:latest      ci/cmd/probe and nothing else
#
# Needs root (mmdebstrap runs the packages' own scripts in a chroot). Finished
# images are kept in the cache, under a key made of all that goes into them.
set -eu
cd "$(dirname "$0")/.."

cache=${CARDPLANE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardplane}/images
suite=bookworm

# image NAME PACKAGES COMMAND...
image() {
	name=$1 packages=$2
	shift 2
	key=$(cat ci/images.sh ci/cmd/mkimage/main.go | sha256sum | cut -c1-16)
	archive=$cache/$name-$key.tar
	if [ ! -f "$archive" ]; then
		echo "building image demo/$name from Debian packages ($packages) …"
		tmp=$(mktemp -d)
		trap 'rm -rf "$tmp"' EXIT INT TERM
		mkdir -p "$cache"
		if ! SOURCE_DATE_EPOCH=1700000000 mmdebstrap --mode=root --variant=minbase --include="$packages" \
			--aptopt='Acquire::Languages "none"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			"$suite" "$tmp/rootfs.tar" >"$tmp/log" 2>&1; then
			cat "$tmp/log" >&2
			exit 1
		fi
		rm -f "$cache/$name"-*.tar
		go run ./ci/cmd/mkimage -rootfs "$tmp/rootfs.tar" -name "demo/$name:latest" -out "$archive" -- "$@"
		rm -rf "$tmp"
		trap - EXIT INT TERM
	fi
	mkdir -p build/images
	ln -sfn "$archive" "build/images/$name.tar"
}

probe() {
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT INT TERM
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -buildid=' -o "$tmp/probe" ./ci/cmd/probe
	tar -C "$tmp" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$tmp/rootfs.tar" ./probe
	mkdir -p build/images
	go run ./ci/cmd/mkimage -rootfs "$tmp/rootfs.tar" -name demo/probe:latest -out build/images/probe.tar -- /probe exit 0
	rm -rf "$tmp"
	trap - EXIT INT TERM
}

probe
image python python3-minimal python3
image services redis-server,nginx-light redis-server
