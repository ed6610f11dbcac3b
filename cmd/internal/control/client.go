package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"golang.org/x/sys/unix"
)

// Client asks a daemon. The zero value asks the one at Socket. It keeps no connection open between requests.
type Client struct {
	// Path of the socket; empty: Socket.
	Path string
}

// NotRunningError says that no daemon answers.
type NotRunningError struct {
	Path string // of the socket
}

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("tcmud does not run (nobody answers at %s): start it as root with: tcmud", e.Path)
}

// Version is the daemon's version. It is also the cheapest way to learn whether there is one: when there is not, the
// error is a *NotRunningError, as in all requests.
func (c Client) Version(ctx context.Context) (string, error) {
	var v version
	err := c.get(ctx, "/version", &v)
	return v.Version, err
}

// Devices lists the devices that the daemon knows, ordered by HBA and name.
func (c Client) Devices(ctx context.Context) ([]Device, error) {
	var d []Device
	err := c.get(ctx, "/devices", &d)
	return d, err
}

// Wait returns the device once its state is not Attaching, or ctx's error when ctx ends first. See Source.Wait.
func (c Client) Wait(ctx context.Context, hba int, name string) (Device, error) {
	var d Device
	err := c.get(ctx, "/devices/"+strconv.Itoa(hba)+"/"+url.PathEscape(name)+"/wait", &d)
	return d, err
}

func (c Client) get(ctx context.Context, path string, into any) error {
	socket := c.Path
	if socket == "" {
		socket = Socket
	}
	h := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://tcmud"+path, nil)
	if err != nil {
		return err
	}
	resp, err := h.Do(req)
	if err != nil {
		return unreachable(err, socket)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		f := failure{"the daemon answered " + resp.Status}
		_ = json.NewDecoder(resp.Body).Decode(&f) // what does not parse leaves the status as the error
		return errors.New(f.Error)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		return fmt.Errorf("answer of tcmud to %s: %w", path, err)
	}
	return nil
}

// unreachable says what an error of the connection means to the operator.
func unreachable(err error, socket string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return &NotRunningError{socket}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: permission denied: run as root (sudo)", socket)
	}
	var u *url.Error
	if errors.As(err, &u) {
		return fmt.Errorf("tcmud at %s: %w", socket, u.Err)
	}
	return err
}
