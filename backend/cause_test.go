package backend_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tcmud/tcmud/backend"
)

func TestCauseOf(t *testing.T) {
	reset := &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, test := range []struct {
		err  error
		want backend.Cause
	}{
		{syscall.EIO, backend.BadMedium},
		{syscall.ENODATA, backend.BadMedium}, // a block device's bad sector
		{syscall.EILSEQ, backend.BadMedium},  // its protection information is wrong
		{syscall.EBADMSG, backend.BadMedium}, // a checksum of a file system
		{io.ErrUnexpectedEOF, backend.BadMedium},
		{errors.New("anything"), backend.BadMedium},

		{fmt.Errorf("shard 7: %w", backend.ErrUnavailable), backend.Unavailable},
		{syscall.ENODEV, backend.Unavailable},
		{syscall.ENXIO, backend.Unavailable},
		{syscall.ENOLINK, backend.Unavailable},
		{&os.PathError{Op: "read", Path: "/srv/disk0.img", Err: syscall.ESTALE}, backend.Unavailable},
		{fmt.Errorf("the server has hung up: %w", reset), backend.Unavailable},
		{os.ErrDeadlineExceeded, backend.Unavailable},
		{context.DeadlineExceeded, backend.Unavailable},
		{syscall.ETIMEDOUT, backend.Unavailable},

		{syscall.ENOSPC, backend.NoSpace},
		{syscall.EDQUOT, backend.NoSpace},
		{errors.Join(syscall.EIO, syscall.ENOSPC), backend.NoSpace},
		{syscall.EROFS, backend.Protected},
		{syscall.ENOMEM, backend.Exhausted},
		{syscall.EAGAIN, backend.Exhausted},
		{syscall.EREMOTEIO, backend.Broken},
	} {
		require.Equal(t, test.want, backend.CauseOf(test.err), "%v", test.err)
	}
}
