package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Handler answers requests from src.
func Handler(src Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, version{src.Version()})
	})
	mux.HandleFunc("GET /devices", func(w http.ResponseWriter, _ *http.Request) {
		devices := src.Devices()
		if devices == nil {
			devices = []Device{} // an empty list, not null
		}
		answer(w, http.StatusOK, devices)
	})
	mux.HandleFunc("GET /devices/{hba}/{name}/wait", func(w http.ResponseWriter, r *http.Request) {
		hba, err := strconv.Atoi(r.PathValue("hba"))
		if err != nil {
			answer(w, http.StatusBadRequest, failure{"the number of the HBA is no number"})
			return
		}
		device, err := src.Wait(r.Context(), hba, r.PathValue("name"))
		if err != nil {
			answer(w, http.StatusServiceUnavailable, failure{err.Error()})
			return
		}
		answer(w, http.StatusOK, device)
	})
	return mux
}

type version struct {
	Version string `json:"version"`
}

type failure struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The only error there can be is that the client has gone.
	_ = json.NewEncoder(w).Encode(body)
}

// Listen opens the socket at path, mode 0600, and makes its directory. A socket that a dead daemon has left is replaced;
// while another daemon listens, Listen fails. Closing the listener removes the socket.
//
// What tells the living from the dead is a lock on path with ".lock" added, which ends with the process that holds it.
func Listen(path string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another tcmud listens on %s: stop it first, or give this one a socket of its own", path)
		}
		return nil, &fs.PathError{Op: "flock", Path: lock.Name(), Err: err}
	}
	l, err := listen(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &listener{l, lock}, nil
}

func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// listener holds the lock as long as it listens.
type listener struct {
	net.Listener
	lock *os.File
}

func (l *listener) Close() error {
	return errors.Join(l.Listener.Close(), l.lock.Close())
}
