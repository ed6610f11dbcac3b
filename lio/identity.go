package lio

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Identity is what initiators know a device by. The kernel keeps it and, for a TCMU device, uses none of it: INQUIRY is
// answered in userspace, from here. A device that nobody has given an identity reads vendor "LIO-ORG" and nothing else.
type Identity struct {
	Vendor   string // T10 VENDOR IDENTIFICATION, at most 8 characters
	Product  string // PRODUCT IDENTIFICATION, at most 16
	Revision string // PRODUCT REVISION LEVEL, at most 4
	Serial   string // UNIT SERIAL NUMBER, at most 253; its hexadecimal digits also make the NAA designator
}

// serialPrefix is what the kernel puts before the unit serial number when it is read.
const serialPrefix = "T10 VPD Unit Serial Number:"

// identityFiles are the files below wwn/, in the order of Identity's fields, and the most characters each takes.
var identityFiles = [...]struct {
	file string
	max  int
}{{"vendor_id", 8}, {"product_id", 16}, {"revision", 4}, {"vpd_unit_serial", 253}}

func (id *Identity) fields() [len(identityFiles)]*string {
	return [...]*string{&id.Vendor, &id.Product, &id.Revision, &id.Serial}
}

// Check reports what of id is not a value for the field: SPC allows the characters 20h to 7Eh.
func (id Identity) Check() error {
	for i, v := range id.fields() {
		f := identityFiles[i]
		if len(*v) > f.max {
			return fmt.Errorf("%s %q is too long: at most %d characters", f.file, *v, f.max)
		}
		if strings.ContainsFunc(*v, func(c rune) bool { return c < 0x20 || c > 0x7e }) {
			return fmt.Errorf("%s %q: only printable ASCII characters", f.file, *v)
		}
		if strings.TrimSpace(*v) != *v {
			return fmt.Errorf("%s %q: no space at the ends, the kernel strips it", f.file, *v)
		}
	}
	return nil
}

// Identity reads what the device is known by. Fields that the kernel does not have yet (before 5.0) are empty.
func (s StorageObject) Identity() (Identity, error) {
	var id Identity
	for i, v := range id.fields() {
		text, err := s.read("wwn/" + identityFiles[i].file)
		if errors.Is(err, fs.ErrNotExist) && s.Exists() {
			continue
		}
		if err != nil {
			return id, err
		}
		*v = strings.TrimSpace(strings.TrimPrefix(text, serialPrefix))
	}
	return id, nil
}

// SetIdentity writes the fields of id that are not empty. The kernel refuses while LUNs are made of the device.
func (s StorageObject) SetIdentity(id Identity) error {
	if err := id.Check(); err != nil {
		return err
	}
	for i, v := range id.fields() {
		if *v == "" {
			continue
		}
		if err := s.write("wwn/"+identityFiles[i].file, *v); err != nil {
			return err
		}
	}
	return nil
}
