package backend

// Forgetter is a store that keeps copies of what was written elsewhere than in its place, as a journal is. Who wants
// nothing of the content to be left, for SANITIZE, asks it to forget them.
type Forgetter interface {
	// Forget removes the copies, also those of earlier times. It may run concurrently with any other method.
	Forget() error
}

// Forget implements Forgetter. A store that is none has nothing to forget.
func (m *Medium) Forget() error {
	if f, ok := m.Store.(Forgetter); ok {
		return f.Forget()
	}
	return nil
}

// Forget implements Forgetter.
func (f *File) Forget() error { return f.journal.forget() }

// Forget implements Forgetter.
func (r *Ramdisk) Forget() error { return r.journal.forget() }

// forget removes the file, and with it what was written last. A nil journal has nothing to forget.
func (j *journal) forget() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.file == nil {
		return nil
	}
	return j.remove()
}
