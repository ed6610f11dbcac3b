package lio

import "path/filepath"

// EmptyHBAs lists the directories of HBAs that hold no storage object: something that was begun and not ended, by anybody.
func (r Root) EmptyHBAs() ([]string, error) {
	core := r.target().child("core")
	names, err := core.dirs()
	if err != nil {
		return nil, err
	}
	var empty []string
	for _, name := range names {
		hba := core.child(name)
		if _, _, ok := parseHBA(name); !ok {
			continue // core/alua
		}
		if objects, err := hba.dirs(); err == nil && len(objects) == 0 {
			empty = append(empty, hba.path)
		}
	}
	return empty, nil
}

// RemoveHBA removes an HBA that EmptyHBAs has listed. The kernel refuses when it is not empty any more.
func (r Root) RemoveHBA(dir string) error {
	return r.target().child("core", filepath.Base(dir)).rmdir()
}
