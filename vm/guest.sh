#!/bin/bash
# Stage two, on the Debian root: make the guest a usual machine, run the
# command, hand back its status and /results, and switch off. Sent with the
# command on the input disk, so a change here rebuilds no image.
# Beside it stand run (the command), settings (accel, limit, ...) and stdin.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -p /dev/pts /dev/shm /results
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
modprobe configfs
mount -t configfs config /sys/kernel/config
mount -t debugfs debug /sys/kernel/debug
mount -t cgroup2 cgroup /sys/fs/cgroup
hostname tcmud
ip link set lo up
# LIO keeps reservations here; it looks for the directory once, when it loads.
mkdir -p /etc/target/pr

/lib/systemd/systemd-udevd --daemon
# Just these: asking for every device would load every driver, for seconds.
udevadm trigger --action=add --subsystem-match=block --subsystem-match=virtio-ports --subsystem-match=mem
udevadm settle

. /opt/tcmud/settings
export HOME=/root LANG=C.UTF-8 PATH=/opt/tcmud/bin:$PATH TCMUD_ACCEL=$accel
cd /root
if [ "$terminal" ]; then
	export TERM=$terminal
	exec <>/dev/hvc0 >&0 2>&0 # kept open: a close would lose keys typed early
	stty rows "$rows" cols "$columns"
	setsid --ctty --wait /opt/tcmud/run
else
	timeout --kill-after=5 "$limit" /opt/tcmud/run </opt/tcmud/stdin >/dev/virtio-ports/output 2>&1
fi
status=$?
# Out of time: have the kernel log where everything that waits is waiting.
[ $status = 124 ] && echo w >/proc/sysrq-trigger

echo $status >/run/status
tar -cf /dev/vdc -C /run status -C / results && sync /dev/vdc
# QEMU is told not to reboot: this is the quickest way out.
echo b >/proc/sysrq-trigger
