package doctor

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// logLine is a line of the kernel's log.
type logLine struct {
	at   time.Duration // after boot
	text string
}

// kernelLog reads what the kernel still has of its log.
func (h Host) kernelLog() ([]logLine, error) {
	// Each read(2) is one record, and the one after the last would wait. Go's files would wait for it too.
	fd, err := unix.Open(h.path("dev/kmsg"), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: h.path("dev/kmsg"), Err: err}
	}
	defer unix.Close(fd)
	var lines []logLine
	for record := make([]byte, 8192); ; {
		n, err := unix.Read(fd, record)
		switch {
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR):
			continue // overwritten while we read: the next is the oldest there is
		case errors.Is(err, unix.EAGAIN), err == nil && n == 0:
			return lines, nil
		case err != nil:
			return lines, &os.PathError{Op: "read", Path: h.path("dev/kmsg"), Err: err}
		}
		lines = append(lines, parseRecords(string(record[:n]))...)
	}
}

// parseRecords reads records of /dev/kmsg: "PRIORITY,NUMBER,MICROSECONDS,FLAGS;TEXT", and lines that begin with a space,
// which say more of the record before.
func parseRecords(text string) []logLine {
	var lines []logLine
	for _, line := range strings.Split(text, "\n") {
		head, message, ok := strings.Cut(line, ";")
		fields := strings.Split(head, ",")
		if !ok || len(fields) < 3 || strings.HasPrefix(line, " ") {
			continue
		}
		if us, err := strconv.ParseInt(fields[2], 10, 64); err == nil {
			lines = append(lines, logLine{time.Duration(us) * time.Microsecond, message})
		}
	}
	return lines
}
