// Package tcmu is the userspace end of the Linux kernel's TCM in userspace (TCMU): the ring of shared memory through
// which LIO hands over SCSI commands. A Device takes them from the ring, gives each to a scsi.Handler, and puts the
// answers back. Scan and Listen find the rings that there are.
//
// The way of one command, in the order of the files:
//
//	mailbox.go   where the ring and the data area are, and what the kernel can do
//	ring.go      the cursors: what is consumed, what is completed
//	entry.go     the bytes of an entry
//	slot.go      a command's private memory: CDB and segments copied out of the entry
//	device.go    a ring and what serves it; serve.go its thread, workers.go the others, background.go the I/O that the
//	             kernel does meanwhile, doorbell.go the way back
//	wait.go      how the thread waits; doze.go how it does for long
//	inflight.go  what is with the handler; tasks.go how it is aborted, and tmr.go who says so
//	start.go     where in the ring a new process begins; uio.go how it gets hold of the ring
//	netlink.go   what the kernel says of devices that come, go and change
//
// The layout is that of linux/target_core_user.h on 64-bit machines. A 32-bit process would misread it and is refused.
//
// A ring entry does not name the initiator that a command came from. All commands of a ring therefore get the one
// scsi.Nexus of Options; whoever wants to tell initiators apart gives each a device of its own.
//
// The memory is shared and not trusted: every offset is checked, what is decided upon is copied first, and a ring that
// makes no sense ends the Device with a RingError, never with a panic.
package tcmu
