package uring

// What linux/io_uring.h of Linux 6.1 says, as far as it is used here. All of it is in the machine's own byte order.

const (
	setupTaskrunFlag  = 1 << 9  // IORING_SETUP_TASKRUN_FLAG
	setupSingleIssuer = 1 << 12 // IORING_SETUP_SINGLE_ISSUER
	setupDeferTaskrun = 1 << 13 // IORING_SETUP_DEFER_TASKRUN

	offsetRings   = 0          // IORING_OFF_SQ_RING
	offsetEntries = 0x10000000 // IORING_OFF_SQES

	opReadv  = 1 // IORING_OP_READV
	opWritev = 2 // IORING_OP_WRITEV

	enterGetEvents = 1 << 0 // IORING_ENTER_GETEVENTS
	taskrun        = 1 << 2 // IORING_SQ_TASKRUN
)

// params is struct io_uring_params.
type params struct {
	sqEntries, cqEntries, flags, sqThreadCPU, sqThreadIdle, features, wqFD uint32
	_                                                                      [3]uint32
	sq                                                                     sqOffsets
	cq                                                                     cqOffsets
}

// sqOffsets is struct io_sqring_offsets.
type sqOffsets struct {
	head, tail, mask, entries, flags, dropped, array, _ uint32
	_                                                   uint64
}

// cqOffsets is struct io_cqring_offsets; array is its cqes.
type cqOffsets struct {
	head, tail, mask, entries, overflow, array, flags, _ uint32
	_                                                    uint64
}

// submission is struct io_uring_sqe.
type submission struct {
	op, flags uint8
	priority  uint16
	fd        int32
	off, addr uint64
	n, rw     uint32
	tag       uint64
	_         [3]uint64
}

// completion is struct io_uring_cqe.
type completion struct {
	tag    uint64
	result int32
	flags  uint32
}
