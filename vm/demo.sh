#!/bin/bash
# Shows tcmud at work on this kernel: a ramdisk and a file become SCSI disks,
# are listed, written, read back and compared, and go away without a trace.
#
#   demo.sh           the above
#   demo.sh --shell   set up the disks, give a shell with them, then clean up
#
# It takes root, TCMU in the kernel, and tcmud and tcmuctl in PATH.
set -euo pipefail

work=$(mktemp -d /tmp/tcmud-demo.XXXXXX)
daemon= wwn= stores=()

# Undoes what was done, in reverse and as far as it goes.
cleanup() {
	local status=$?
	trap - EXIT INT TERM
	set +e
	[ "$wwn" ] && tcmuctl /loopback delete "$wwn"
	for store in "${stores[@]}"; do
		tcmuctl "/backstores/${store%/*}" delete "${store#*/}"
	done
	[ "$daemon" ] && kill -TERM "$daemon" && wait "$daemon"
	[ $status = 0 ] || { echo "demo: failed; tcmud said:" && cat "$work/tcmud.log"; } >&2
	rm -rf "$work"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# create TYPE NAME [ARGUMENT...]: a backstore.
create() {
	tcmuctl "/backstores/$1" create "${@:2}"
	stores+=("$1/$2")
}

# disk LUN: the /dev/sdX that the LUN became; the kernel takes a moment.
disk() {
	local address
	address=$(cat "/sys/kernel/config/target/loopback/$wwn/tpgt_1/address")
	for _ in $(seq 100); do
		for path in "/sys/class/scsi_device/$address:$1/device/block/"*; do
			[ -b "/dev/${path##*/}" ] && echo "/dev/${path##*/}" && return
		done
		sleep 0.1
	done
	echo "demo: LUN $1 did not become a disk within 10 s" >&2
	return 1
}

# check NAME DISK: writes random data to all of the disk, reads it back from
# the disk and not from a cache, and compares.
check() {
	local sent=$work/sent received=$work/received
	head -c 10485760 /dev/urandom >"$sent"
	echo "$1 write: $(dd if="$sent" of="$2" bs=1048576 count=10 oflag=dsync,direct 2>&1 | tail -n 1)"
	echo "$1 read:  $(dd if="$2" of="$received" bs=1048576 count=10 iflag=direct 2>&1 | tail -n 1)"
	cmp "$sent" "$received"
	echo "$1: data is equal"
}

tcmud >"$work/tcmud.log" 2>&1 &
daemon=$!
for _ in $(seq 100); do
	tcmuctl ls >/dev/null 2>&1 && break
	kill -0 "$daemon" # else it has ended already
	sleep 0.1
done

create ramdisk rd0 10M
create fileio disk0 "$work/disk0.img" 10M
created=$(tcmuctl /loopback create)
echo "$created"
wwn=$(grep -o 'naa\.[0-9a-f]*' <<<"$created" | head -n 1)
tcmuctl "/loopback/$wwn/luns" create /backstores/ramdisk/rd0
tcmuctl "/loopback/$wwn/luns" create /backstores/fileio/disk0
rd0=$(disk 0)
disk0=$(disk 1)
tcmuctl ls
lsscsi

if [ "${1-}" = --shell ]; then
	echo "rd0 is $rd0, disk0 is $disk0; tcmud logs to $work/tcmud.log. Leave with exit."
	bash || true # its status is that of the last thing tried
else
	check rd0 "$rd0"
	check disk0 "$disk0"
fi
