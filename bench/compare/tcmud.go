package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/tcmud/tcmud/lio"
)

// served is what tcmud says of a device that it serves.
type served struct {
	State    string
	Error    string
	Counters struct {
		Doorbells uint64
		WakeUps   uint64 `json:"wake_ups"`
	}
}

// byTcmud is a device that tcmud has found by itself.
func byTcmud(ctx context.Context, so lio.StorageObject, s *servers) (*handler, error) {
	at := fmt.Sprintf("/devices/%d/%s", so.HBA, so.Name)
	d, err := askTcmud(ctx, at+"/wait")
	if err != nil {
		return nil, err
	}
	if d.State != "serving" {
		return nil, fmt.Errorf("tcmud: %s: %s", d.State, d.Error)
	}
	return &handler{pid: s.tcmud.PID, ring: func(ctx context.Context) (ring, error) {
		d, err := askTcmud(ctx, at)
		return ring{float64(d.Counters.Doorbells), float64(d.Counters.WakeUps)}, err
	}}, nil
}

// tcmudClient asks on tcmud's socket (cmd/internal/control).
var tcmudClient = http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "unix", "/run/tcmud/tcmud.sock")
}}}

func askTcmud(ctx context.Context, path string) (d served, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://tcmud"+path, nil)
	if err != nil {
		return d, err
	}
	answer, err := tcmudClient.Do(request)
	if err != nil {
		return d, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return d, fmt.Errorf("tcmud: %s: %s", path, answer.Status)
	}
	return d, json.NewDecoder(answer.Body).Decode(&d)
}
