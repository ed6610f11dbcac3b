package sbc_test

import (
	"context"
	"log"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
	"github.com/tcmud/tcmud/sbc"
	"github.com/tcmud/tcmud/spc"
	"github.com/tcmud/tcmud/tcmu"
)

// inMemory is the storage of the example: anything with ReadAt and WriteAt would do.
type inMemory []byte

func (m inMemory) ReadAt(p []byte, off int64) (int, error)  { return copy(p, m[off:]), nil }
func (m inMemory) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }

// Storage written in Go appears as a TCMU device of this kernel. A LUN in any of the kernel's fabrics (package lio,
// tcmuctl or targetcli) then makes it a disk. It takes root and the kernel's target modules.
func Example() {
	store := backend.Adapt(make(inMemory, 64<<20), 64<<20)
	root, err := lio.Open()
	if err != nil {
		log.Fatal(err)
	}
	device, err := root.CreateUser(lio.User{Name: "mem", Config: "example/mem", Size: store.Size()})
	if err != nil {
		log.Fatal(err)
	}
	identity, err := device.Identity()
	if err != nil {
		log.Fatal(err)
	}
	disk, err := sbc.New(sbc.Config{Store: store, Identity: func() spc.Identity { return spc.Identity(identity) }})
	if err != nil {
		log.Fatal(err)
	}
	uio, err := device.UIO()
	if err != nil {
		log.Fatal(err)
	}
	served, err := tcmu.Open(context.Background(), tcmu.UIO{Path: "/dev/" + uio, HBA: device.HBA, Name: device.Name}, disk, tcmu.Options{})
	if err != nil {
		log.Fatal(err)
	}
	<-served.Done() // until the device is deleted
}
