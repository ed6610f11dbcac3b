package control

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
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

// Device is one of the devices.
func (c Client) Device(ctx context.Context, hba int, name string) (Device, error) {
	var d Device
	err := c.get(ctx, devicePath(hba, name), &d)
	return d, err
}

// Wait returns the device once its state is not Attaching, or ctx's error when ctx ends first. See Source.Wait.
func (c Client) Wait(ctx context.Context, hba int, name string) (Device, error) {
	var d Device
	err := c.get(ctx, devicePath(hba, name)+"/wait", &d)
	return d, err
}

// Reservations are those of a backstore that keeps them itself.
func (c Client) Reservations(ctx context.Context, hba int, name string) (Reservations, error) {
	var r Reservations
	err := c.get(ctx, devicePath(hba, name)+"/reservations", &r)
	return r, err
}

// Access lists the target port groups of a backstore that keeps reservations itself, sorted by ID.
func (c Client) Access(ctx context.Context, hba int, name string) ([]AccessGroup, error) {
	var groups []AccessGroup
	err := c.get(ctx, devicePath(hba, name)+"/access", &groups)
	return groups, err
}

// SetAccess changes one of the target port groups, and waits for the end of the transition.
func (c Client) SetAccess(ctx context.Context, hba int, name string, change AccessChange) error {
	return c.do(ctx, http.MethodPut, devicePath(hba, name)+"/access", change, new([]AccessGroup))
}

func devicePath(hba int, name string) string {
	return "/devices/" + strconv.Itoa(hba) + "/" + url.PathEscape(name)
}

// Health says whether all is well. That it is not is no error.
func (c Client) Health(ctx context.Context) (Health, error) {
	var h Health
	err := c.do(ctx, http.MethodGet, "/health", nil, &h)
	if f := (*statusError)(nil); errors.As(err, &f) && json.Unmarshal(f.body, &h) == nil && h.Status == Degraded {
		return h, nil
	}
	return h, err
}

// LogLevel is the least that gets into the daemon's log.
func (c Client) LogLevel(ctx context.Context) (slog.Level, error) {
	var l LogLevel
	err := c.get(ctx, "/log-level", &l)
	return l.Level, err
}

// SetLogLevel sets what LogLevel says.
func (c Client) SetLogLevel(ctx context.Context, level slog.Level) error {
	return c.do(ctx, http.MethodPut, "/log-level", LogLevel{level}, new(LogLevel))
}

// Replace has the daemon replaced: see Source.Replace. The new one is there when Health says another time of its start. ok is
// false when that is not to be, for the reason that the error says; with an error and ok the answer has been lost, as it may
// be when the old one ends.
func (c Client) Replace(ctx context.Context, p Program) (ok bool, err error) {
	err = c.do(ctx, http.MethodPost, "/replace", p, new(Program))
	var down *NotRunningError
	var refused *statusError
	return !errors.As(err, &down) && !errors.As(err, &refused), err
}

func (c Client) get(ctx context.Context, path string, into any) error {
	return c.do(ctx, http.MethodGet, path, nil, into)
}

// do asks the daemon, with a body unless it is nil, and reads the answer into a value.
func (c Client) do(ctx context.Context, method, path string, body, into any) error {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://tcmud"+path, &content)
	if err != nil {
		return err
	}
	resp, err := c.http().Do(req)
	if err != nil {
		return unreachable(err, c.socket())
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		return &statusError{resp.Status, answer}
	}
	if err == nil {
		err = json.Unmarshal(answer, into)
	}
	if err != nil {
		return fmt.Errorf("answer of tcmud to %s: %w", path, err)
	}
	return nil
}

func (c Client) socket() string { return cmp.Or(c.Path, Socket) }

func (c Client) http() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", c.socket())
		},
	}}
}

// statusError is an answer whose status is not 200.
type statusError struct {
	status string
	body   []byte
}

// Error is what the daemon says in the body, if it says so in JSON.
func (e *statusError) Error() string {
	var f failure
	if json.Unmarshal(e.body, &f) != nil || f.Error == "" {
		return "the daemon answered " + e.status
	}
	return f.Error
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
