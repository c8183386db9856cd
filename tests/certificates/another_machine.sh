#!/usr/bin/env bash
# Certificates that are built here are verified here and on another machine type, by one thread and by four: the same words and
# the same exit code, also where the radius was changed and the file hashed anew.
#
#     tests/certificates/another_machine.sh SMALE [STUDY ...]
#
# SMALE is the program built here. The other is built for 64-bit ARM and run by QEMU, which takes (Debian) `apt-get install
# qemu-user gcc-aarch64-linux-gnu` and `rustup target add aarch64-unknown-linux-gnu`, and as long as a build.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
smale=$(realpath "$1")
shift
studies=("$@")
if [[ ${#studies[@]} -eq 0 ]]; then
    for name in himmelblau dual-cusp mueller-brown three-memories learned-centroids styblinski-tang; do
        studies+=("$here/analyses/$name.toml")
    done
fi

target=aarch64-unknown-linux-gnu
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=${CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER:-aarch64-linux-gnu-gcc}
cargo build --quiet --release --manifest-path "$here/Cargo.toml" --target $target
other=(qemu-aarch64 -L /usr/aarch64-linux-gnu "${CARGO_TARGET_DIR:-$here/target}/$target/release/smale")

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
verdict() {
    local code=0
    "${@:2}" verify "$1" 2>&1 || code=$?
    echo "exit code $code"
}
failed=0
for study in "${studies[@]}"; do
    name=$(basename "$study" .toml)
    "$smale" certify --quiet "$study" --out "$scratch/$name" >/dev/null
    file=$scratch/$name/certificate.json
    # A radius up to twice as large, with the hash of what then stands there.
    head=$scratch/head
    length=$(grep -abo ',"sha256":"[0-9a-f]*"}$' "$file" | tail -1 | cut -d: -f1)
    head -c "$length" "$file" | sed 's/"e0":"0x1\.[0-9a-f]*p/"e0":"0x1.fffp/' >"$head"
    changed=$scratch/changed.json
    printf '%s,"sha256":"%s"}' "$(cat "$head")" "$(sha256sum "$head" | cut -d' ' -f1)" >"$changed"
    for which in "$file" "$changed"; do
        one=$(RAYON_NUM_THREADS=1 verdict "$which" "$smale")
        four=$(RAYON_NUM_THREADS=4 verdict "$which" "$smale")
        far=$(RAYON_NUM_THREADS=2 verdict "$which" "${other[@]}")
        if [[ $one == "$four" && $one == "$far" ]]; then
            echo "$name: $(tail -1 <<<"$one") everywhere"
        else
            printf '%s differs:\n%s\n%s\n%s\n' "$name" "$one" "$four" "$far"
            failed=1
        fi
    done
done
exit $failed
