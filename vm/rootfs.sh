#!/bin/sh
# Finishes the guest's root file system: mmdebstrap runs this as a hook, with
# the new root as $1, with the initrd's init script beside it. It unpacks Debian's
# kernel and leaves, under /boot, what QEMU is given: vmlinuz, initrd, release.
set -eu
root=$1 init=$(dirname "$0")/init
export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG

# The meta package names the kernel of the day. Its package is unpacked, not
# installed: its scripts would build an initramfs that nobody boots.
kernel=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/^ *Depends: \(linux-image-\)/\1/p')
release=${kernel#linux-image-}
mkdir "$root/tmp/kernel"
(cd "$root/tmp/kernel" && apt-get -q download "$kernel" && dpkg -x ./*.deb .)
mkdir -p "$root/usr/lib/modules"
mv "$root/tmp/kernel/lib/modules/$release" "$root/usr/lib/modules/"
mv "$root/tmp/kernel/boot/vmlinuz-$release" "$root/boot/vmlinuz"
rm -r "$root/tmp/kernel"
chroot "$root" depmod "$release"
echo "$release" >"$root/boot/release"

# The initrd: busybox, the init script, and the modules that reach the disk, in
# the order in which they load.
initrd=$root/tmp/initrd
mkdir -p "$initrd/bin" "$initrd/modules" "$initrd/dev" "$initrd/proc" "$initrd/sys" "$initrd/root"
cp "$root/bin/busybox" "$initrd/bin/"
cp "$init" "$initrd/init"
chmod 755 "$initrd/init"
for module in virtio_console virtio_pci virtio_blk ext4; do
	chroot "$root" modprobe --set-version "$release" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
	cp "$root$path" "$initrd/modules/"
	basename "$path"
done >"$initrd/modules/order"
chroot "$root" sh -c 'cd /tmp/initrd && find . | cpio --quiet -o -H newc' >"$root/boot/initrd"
rm -r "$initrd"
