#!/bin/busybox sh
# Stage one, in the initrd: reach the disks, unpack what the host sent and hand
# over to it. Disks in order: root file system, input tar, results, scratch.
b=/bin/busybox
$b mount -t devtmpfs dev /dev
$b mount -t proc proc /proc
while read -r module; do
	$b insmod "/modules/$module" || echo "initrd: $module does not load"
done </modules/order
$b mount -t ext4 -o noatime /dev/vda /root || echo "initrd: no root file system"
$b tar xf /dev/vdb -C /root || echo "initrd: no input tar"
$b mount --move /dev /root/dev
$b umount /proc
exec $b switch_root /root /opt/tcmud/init
