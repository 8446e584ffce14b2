#!/bin/sh
# The tour: a workspace, a signed image from real packages, proof that it matches, and a tampered
# copy being caught. Everything stays below target/demo. Usage: tests/demo.sh DIRECTORY-OF-BINARIES
set -eu
PATH="$(cd "$1" && pwd):$PATH"
demo=target/demo

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
run() { printf '\033[2m$ %s\033[0m\n' "$*"; "$@"; }

rm -rf "$demo"
mkdir -p "$demo"

say "1. A workspace: keys, a trust root, templates"
run karat init "$demo/workspace" --no-passphrase
cd "$demo/workspace"

say "2. Resolve the template to exact packages"
run karat lock templates/web-frontend.toml

say "3. Build and sign the image"
run karat build templates/web-frontend.toml -o out

say "4. Prove that it is what was signed"
run karat verify --tar out/web-frontend_*.tar.zst

say "5. Build it again, uncompressed this time: the configured tree comes from the cache"
run karat build templates/web-frontend.toml -o copy --compression none

say "6. Tamper with that copy: one word in a file that logins depend on"
image=$(echo copy/web-frontend_*.tar)
before='account    required     pam_nologin.so'
after='account    optional     pam_nologin.so'
echo "in /etc/pam.d/sshd: $before  ->  $after"
LC_ALL=C sed -i "s/$before/$after/" "$image"

say "7. The verifier refuses it"
code=0
run karat verify --tar "$image" --explain /etc/pam.d/sshd || code=$?
echo
if [ "$code" -ne 10 ]; then
  echo "the tampered image should have been refused with exit code 10, not $code" >&2
  exit 1
fi
say "Done: exit code 10 means drift. The signed image and its evidence are in $demo/workspace/out"
