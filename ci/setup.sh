#!/bin/bash
# Installs what Cardplane needs on a fresh Debian 12, from Debian only. Run as
# root. It can be run again at any time: with everything in place it asks no
# mirror and returns at once.
#
#   ci/setup.sh            what building, testing and running need
#   ci/setup.sh --kernel   also what `make kernel` needs
#   ci/setup.sh --qemu     also what ci/host-qemu.sh needs
#   ci/setup.sh --lint     also what linting the OpenAPI documents needs
#   ci/setup.sh --sdk      also what generating and testing the SDKs needs
#   ci/setup.sh --fuzz     also what fuzzing the API needs
#
# Nothing goes into /boot: the guest kernel is unpacked from its package by
# mkrootfs, never installed.
set -euo pipefail

readonly suite=bookworm-backports
readonly sources=/etc/apt/sources.list.d/$suite.sources
readonly qemu_major=10

usage='usage: ci/setup.sh [--kernel] [--qemu] [--lint] [--sdk] [--fuzz]'
want_kernel=no
want_qemu=no
want_lint=no
want_sdk=no
want_fuzz=no
for arg in "$@"; do
  case $arg in
    --kernel) want_kernel=yes ;;
    --qemu) want_qemu=yes ;;
    --lint) want_lint=yes ;;
    --sdk) want_sdk=yes ;;
    --fuzz) want_fuzz=yes ;;
    *) echo "setup: unknown argument '$arg'; $usage" >&2; exit 2 ;;
  esac
done

# Each line: a command to look for (or a file, or a module of Python), and the
# package that brings it.
base_needs='
mkfs.ext4 e2fsprogs
dpkg-deb dpkg
apt-get apt
flock util-linux
make make
git git
mmdebstrap mmdebstrap
gcc gcc
curl curl
/usr/include/stdlib.h libc6-dev
/etc/ssl/certs/ca-certificates.crt ca-certificates
'
kernel_needs='
/usr/include/gelf.h libelf-dev
flex flex
bison bison
bc bc
xz xz-utils
tar tar
'
build_qemu_needs='
meson meson/'$suite'
/usr/lib/python3/dist-packages/pycotap python3-pycotap/'$suite'
/usr/lib/python3.11/ensurepip python3-venv
ninja ninja-build
pkg-config pkg-config
bzip2 bzip2
xz xz-utils
tar tar
/usr/include/glib-2.0/glib.h libglib2.0-dev
/usr/include/libfdt.h libfdt-dev
/usr/include/zlib.h zlib1g-dev
'
lint_needs='
node nodejs
npm npm
'
fuzz_needs='
python3 python3
python3:ensurepip python3-venv
'
sdk_needs=$lint_needs$fuzz_needs

present() {
  case $1 in
    /*) [ -e "$1" ] ;;
    python3:*) python3 -c "import ${1#*:}" 2>/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

# missing_packages prints the packages whose command or file is not there.
missing_packages() {
  local probe package list=$base_needs
  [ $want_kernel = no ] || list+=$kernel_needs
  [ $want_qemu = no ] || list+=$build_qemu_needs
  [ $want_lint = no ] || list+=$lint_needs
  [ $want_fuzz = no ] || list+=$fuzz_needs
  [ $want_sdk = no ] || list+=$sdk_needs
  while read -r probe package; do
    [ -z "$probe" ] || present "$probe" || echo "$package"
  done <<<"$list"
}

# qemu_version prints the major version of QEMU, 0 where there is none.
qemu_version() {
  command -v qemu-system-x86_64 >/dev/null || { echo 0; return; }
  qemu-system-x86_64 -version | sed -n 's/.*version \([0-9]*\).*/\1/p;q'
}

qemu_is_new_enough() {
  local version
  version=$(qemu_version)
  [ "${version:-0}" -ge $qemu_major ]
}

# lists_present is true when apt knows any package: mkrootfs fetches through it.
lists_present() {
  compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null
}

complete() {
  [ -z "$(missing_packages)" ] && qemu_is_new_enough && lists_present
}

# refuse says what to install by hand, for whoever cannot let us do it.
refuse() {
  local packages
  packages=$(missing_packages | tr '\n' ' ')
  qemu_is_new_enough || packages="qemu-system-x86 (QEMU $qemu_major or newer) $packages"
  echo "setup: $1. Needed: ${packages:-apt package lists (apt-get update)}" >&2
  exit 1
}

is_debian_12() {
  (. /etc/os-release 2>/dev/null && [ "${ID:-}" = debian ] && [ "${VERSION_ID:-}" = 12 ])
}

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"
}

add_backports() {
  ! grep -rqs "$suite" /etc/apt/sources.list /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list || return 0
  cat >"$sources" <<SOURCES
Types: deb
URIs: http://deb.debian.org/debian
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
}

# QEMU and what must be of its version. Each is named with its suite, because
# backports never win over stable by themselves. Taking all dependencies from
# there (-t) would replace libraries that libelf-dev needs as they are in stable.
qemu_packages() {
  local package
  for package in qemu-system-x86 qemu-system-common qemu-system-data seabios; do
    echo "$package/$suite"
  done
}

install_all() {
  local packages
  add_backports
  apt update
  mapfile -t packages < <(missing_packages)
  if [ ${#packages[@]} -gt 0 ]; then
    apt install -y --no-install-recommends "${packages[@]}"
  fi
  if ! qemu_is_new_enough; then
    mapfile -t packages < <(qemu_packages)
    apt install -y --no-install-recommends "${packages[@]}"
  fi
}

main() {
  # sbin is where Debian keeps mkfs.ext4, and is missing from a user's PATH.
  PATH=$PATH:/usr/sbin:/sbin
  ! complete || return 0
  is_debian_12 || refuse 'this is not Debian 12, install these yourself'
  [ "$(id -u)" = 0 ] || refuse 'not root, so run ci/setup.sh as root or install these yourself'
  exec 9>/run/lock/cardplane-setup.lock
  flock 9
  ! complete || return 0
  install_all
  complete || refuse 'still incomplete after apt-get install'
}

main
