package lio

// Reservations are what the kernel says of reservations of the object: the files of its directory pr/, sorted by name, in
// the kernel's words. Of a device whose server keeps them itself it says that it passes them on.
func (s StorageObject) Reservations() ([]Attribute, error) { return s.settings("pr") }
