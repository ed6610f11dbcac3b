package tcmu

import (
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// wakeUp is what it takes on this machine until a thread that sleeps in a system call goes on, on a processor that had nothing
// to do: some 10 µs on plain hardware, ten times that where processors are emulated. It is measured once.
var wakeUp = sync.OnceValue(func() time.Duration {
	const times = 9
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
		time.Sleep(time.Millisecond) // the other's processor comes to rest
		began := time.Now()
		unix.Write(there, count)
		unix.Read(back, make([]byte, 8))
		took = append(took, time.Since(began)/2)
	}
	partner.Wait()
	slices.Sort(took)
	return took[times/2]
})
