#!/bin/sh
# Builds the QEMU that emulates the compute host, from Debian's source, and
# links it to build/qemu/qemu-system-x86_64. It takes minutes once; finished
# programs are kept in the cache, under a key made of the commands below.
#
# Why not Debian's program: QEMU (10.0, and what was seen of later ones) has two
# faults that lose machines, and ci/host-qemu.patch mends them.
#
# It does not forget an interrupt that VMRUN has injected into a nested guest. Its
# number stays where the number of a pending exception belongs. When the
# processor's thread is asked to stop before another exception takes that place,
# the guest gets the same interrupt once more, also where it has interrupts
# disabled: it hangs, panics or reboots. The edit makes QEMU forget.
#
# It drops its translation of code that is being overwritten before the store, and
# not after it. Another processor that runs the code in between translates the old
# bytes, and keeps them. Linux patches its own code with a breakpoint for the time
# being, so a stale breakpoint stays, and its kernel panics ("Oops: int3"). KVM has
# the scheduler patched whenever the first virtual machine comes or the last one
# goes. The edit drops the translation after the store too.
set -eu
cd "$(dirname "$0")/.."

suite=bookworm-backports
cache=${CARDPLANE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/cardplane}/qemu
edits=$PWD/ci/host-qemu.patch
program=$cache/$(grep -v '^#' ci/host-qemu.sh | cat - "$edits" | sha256sum | cut -c1-16)/qemu-system-x86_64

# fetch gets the upstream part of Debian's source package into $tmp/source.
fetch() {
	echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $suite main" >"$tmp/sources"
	mkdir -p "$tmp/lists/partial" "$tmp/source"
	set -- -o Dir::Etc::SourceList="$tmp/sources" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$tmp/lists"
	apt-get -q "$@" update
	apt-get -q "$@" source --print-uris qemu >"$tmp/uris"
	grep -F ".orig.tar.xz' " "$tmp/uris" | tr -d "'" | {
		read -r uri _ _ digest
		/usr/lib/apt/apt-helper download-file "$uri" "$tmp/orig.tar.xz" "$digest"
	}
	tar -C "$tmp/source" --strip-components=1 -xf "$tmp/orig.tar.xz"
}

# blobs stands in for the firmware that Debian takes out of the source; none of
# it is built or used here.
blobs() {
	grep -o 'edk2-[a-z0-9_-]*\.fd' pc-bios/meson.build | while read -r name; do : >"pc-bios/$name.bz2"; done
}

compile() {
	cd "$tmp/source"
	GIT_CEILING_DIRECTORIES=$tmp git apply "$edits"
	blobs
	./configure --target-list=x86_64-softmmu --without-default-features --enable-system --enable-tcg --enable-vhost-user \
		--disable-install-blobs --disable-docs --disable-debug-info --python=/usr/bin/python3 \
		--firmwarepath=/usr/share/qemu:/usr/share/seabios
	ninja -C build qemu-system-x86_64
}

# finish shows the end of the log of a build that failed.
finish() {
	status=$?
	[ $status = 0 ] || tail -n 50 "$tmp/log" >&3
	rm -rf "$tmp"
	exit $status
}

build() {
	ci/setup.sh --qemu
	echo "building QEMU for the compute host from Debian's source (once; minutes) …"
	tmp=$(mktemp -d)
	exec 3>&2 >"$tmp/log" 2>&1
	trap finish EXIT
	trap 'exit 1' INT TERM
	fetch
	compile
	rm -rf "$cache"
	mkdir -p "$(dirname "$program")"
	cp build/qemu-system-x86_64 "$program.new"
	mv "$program.new" "$program"
}

[ -x "$program" ] || (build)
mkdir -p build/qemu
ln -sfn "$program" build/qemu/qemu-system-x86_64
