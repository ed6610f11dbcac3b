package spc

// State keeps what a logical unit remembers across a loss of power, in records of bytes by name: saved mode pages,
// identifying information, a sanitize operation that has not ended.
type State interface {
	// Load returns the record of that name, nil if there is none. An error says that what was kept is damaged.
	Load(name string) ([]byte, error)
	// Save keeps a record; one of no bytes is forgotten. When it returns nil, the record is durable, and after an error
	// or a loss of power meanwhile the one before it is there, or this one. It may be called from several goroutines.
	Save(name string, record []byte) error
}
