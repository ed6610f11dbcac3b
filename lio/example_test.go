package lio_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

// A file of 100 MiB, which tcmud serves, as an iSCSI target that every initiator may log in to.
func Example() {
	const size = 100 << 20
	path := filepath.Join(os.TempDir(), "disk0.img")
	_, err := backend.CreateFile(path, size)
	check(err)

	root, err := lio.Open()
	check(err)
	config := backend.Config{Kind: "fileio", Path: path}
	disk, err := root.CreateUser(lio.User{Name: "disk0", Config: config.String(), Size: size})
	check(err)
	target, err := root.Export(lio.Export{Fabric: "iscsi", LUNs: []lio.StorageObject{disk}, OpenToAll: true})
	check(err)
	fmt.Println(target.WWN)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
