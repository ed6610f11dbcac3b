package tcmu

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wakeUp is what it takes on this machine until a thread that sleeps in a system call goes on, measured once: some 5 µs on
// plain hardware, 20 times that where processors are emulated.
var wakeUp = sync.OnceValue(func() time.Duration {
	const times = 15
	there, errThere := unix.Eventfd(0, unix.EFD_CLOEXEC)
	back, errBack := unix.Eventfd(0, unix.EFD_CLOEXEC)
	defer unix.Close(there)
	defer unix.Close(back)
	if errThere != nil || errBack != nil {
		return 0
	}
	count := []byte{1, 0, 0, 0, 0, 0, 0, 0}
	var partner sync.WaitGroup
	partner.Go(func() {
		for range times {
			unix.Read(there, make([]byte, 8))
			unix.Write(back, count)
		}
	})
	var took []time.Duration
	for range times {
		begin := time.Now()
		unix.Write(there, count)
		unix.Read(back, make([]byte, 8))
		took = append(took, time.Since(begin)/2)
	}
	partner.Wait()
	slices.Sort(took)
	return took[times/2]
})
