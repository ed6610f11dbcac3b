// Package control is what tcmuctl and tcmud say to each other: HTTP with JSON over a unix socket that only root may
// open. The daemon asks nobody's leave to serve a device - configfs tells it what there is - so all that is said here is
// how it gets on.
//
//	GET /version                     {"version": "..."}
//	GET /devices                     [Device, ...]
//	GET /devices/{hba}/{name}        Device
//	GET /devices/{hba}/{name}/wait   Device, once it is no longer attaching; the answer may take as long as the client waits
//	GET /devices/{hba}/{name}/reservations
//	                                 Reservations of a backstore that keeps them itself
//	GET /devices/{hba}/{name}/access [AccessGroup, ...] of such a backstore
//	PUT /devices/{hba}/{name}/access AccessChange, to change one of them; the answer is as long in coming as the transition
//	GET /health                      Health, with status 200 or, if a device has failed, 503
//	GET /log-level                   {"level": "INFO"}
//	PUT /log-level                   the same, to set it: DEBUG, INFO, WARN or ERROR
//	POST /replace                    Program, which goes on in place of the daemon
//	GET /metrics                     for Prometheus; metrics.go says what
//
// A failed request is answered with {"error": "..."}. If the daemon is told to, /metrics and /health are served on a TCP
// address as well, and nothing else is.
package control

import (
	"context"
	"log/slog"
	"time"

	"github.com/tcmud/tcmud/backend"
	"github.com/tcmud/tcmud/lio"
)

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
	// Nexus is what the device stands for, if for an I_T nexus of a backstore. Its state is Failed while that is not served.
	Nexus *Nexus `json:"nexus,omitempty"`
	// Reserving is there for a backstore that keeps reservations itself, in a list of devices while it is Serving.
	Reserving *Reserving `json:"reserving,omitempty"`
}

// Kind is the kind of store that the device has: "ramdisk", "fileio"; "nexus" when it stands for an I_T nexus of another,
// "unknown" when its configuration says none that is known.
func (d Device) Kind() string {
	if lio.IsNexus(d.Config) {
		return "nexus"
	}
	c, err := backend.ParseConfig(d.Config)
	if err != nil {
		return "unknown"
	}
	return c.Kind
}

// Health says whether all is well.
type Health struct {
	Status    HealthStatus `json:"status"`
	Started   time.Time    `json:"started"` // when the daemon was
	Ready     bool         `json:"ready"`   // what there was at its start has been attached, or has failed
	Devices   int          `json:"devices"`
	Attaching int          `json:"attaching"` // of them, those that are not served yet
	Failed    []Failure    `json:"failed"`    // of them, those that cannot be
}

// HealthStatus is Health in one word.
type HealthStatus string

// What health may be like.
const (
	OK       HealthStatus = "ok"
	Degraded HealthStatus = "degraded" // a device has failed
)

// Failure is a device that cannot be served.
type Failure struct {
	HBA   int    `json:"hba"`
	Name  string `json:"name"`
	Error string `json:"error"` // Device.Error
}

// Program is what can go on in place of a daemon.
type Program struct {
	Path      string   `json:"path"`      // from the root directory
	Arguments []string `json:"arguments"` // after its name
}

// Source is the daemon, as the control socket sees it. All methods may be called concurrently.
type Source interface {
	// Devices lists the devices that are known, ordered by HBA and name.
	Devices() []Device
	// Wait returns the device once its state is not Attaching. While the device is not known it waits for it to come:
	// the news of a device just made may still be on its way. It returns ctx's error when ctx ends first.
	Wait(ctx context.Context, hba int, name string) (Device, error)
	// Engine is that of a backstore. The error wraps fs.ErrNotExist when there is no such device, and says else why it has
	// none.
	Engine(hba int, name string) (Engine, error)
	// Version is the daemon's version, as tcmud --version gives it.
	Version() string
	// Started is when the daemon was.
	Started() time.Time
	// Ready says that the devices there were at its start have been attached, or have failed.
	Ready() bool
	// Replace ends the daemon, when it has returned, and has another go on in the same process. An error says why that
	// cannot be done, and then all is as before.
	Replace(Program) error
	// LogLevel decides what gets into the daemon's log.
	LogLevel() *slog.LevelVar
}
