// Package control is what tcmuctl and tcmud say to each other: HTTP with JSON over a unix socket that only root may
// open. The daemon asks nobody's leave to serve a device - configfs tells it what there is - so all that is said here is
// how it gets on.
//
//	GET /version                     {"version": "..."}
//	GET /devices                     [Device, ...]
//	GET /devices/{hba}/{name}/wait   Device, once it is no longer attaching; the answer may take as long as the client waits
//
// A failed request is answered with {"error": "..."}.
package control

import "context"

// Socket is where the daemon listens.
const Socket = "/run/tcmud/tcmud.sock"

// State says how far the daemon has got with a device.
type State string

// The states of a device, in the order of its life.
const (
	Attaching State = "attaching" // found, but commands are not answered yet
	Serving   State = "serving"   // commands are answered
	Failed    State = "failed"    // it cannot be served; Device.Error says why
	Draining  State = "draining"  // the daemon is ending, or the device is going: what is in flight is finished
)

// Device is a TCMU device that the daemon has found to be its own.
type Device struct {
	HBA    int    `json:"hba"`
	Name   string `json:"name"`
	Config string `json:"config"` // configuration string: backend.ParseConfig takes it apart
	Size   int64  `json:"size"`   // bytes that initiators see now; 0 while nothing is served
	State  State  `json:"state"`
	// Error is why State is Failed, or why the last change of an attribute was not followed while it is Serving: one
	// line for the operator.
	Error string `json:"error,omitempty"`
	UIO   string `json:"uio,omitempty"` // "uio0"; empty while there is none
	// Incarnation is lio.StorageObject.Incarnation: it tells this device from an earlier one of the same name.
	Incarnation uint64   `json:"incarnation"`
	Counters    Counters `json:"counters"`
}

// Source is the daemon, as the control socket sees it. All methods may be called concurrently.
type Source interface {
	// Devices lists the devices that are known, ordered by HBA and name.
	Devices() []Device
	// Wait returns the device once its state is not Attaching. While the device is not known it waits for it to come:
	// the news of a device just made may still be on its way. It returns ctx's error when ctx ends first.
	Wait(ctx context.Context, hba int, name string) (Device, error)
	// Version is the daemon's version, as tcmud --version gives it.
	Version() string
}
