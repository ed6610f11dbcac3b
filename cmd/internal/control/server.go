package control

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what one client may take.
const (
	requestTime = 20 * time.Second // for a request to come, and as long again for its answer to be taken
	idleTime    = time.Minute      // of a connection without a request
	longestHead = 16 << 10         // bytes of a request's header
	longestBody = 4 << 10          // bytes of a request's body
)

// NewServer is a server of h that no client can keep busy for long, or make to hold more than a few KiB. A client's
// faults are its own affair and get into no log.
func NewServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, longestBody),
		ReadHeaderTimeout: requestTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      2 * requestTime, // which begins with the header
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    longestHead,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
}

// paths are the handlers by path and method.
type paths map[string]map[string]http.Handler

// Handler answers all that can be asked.
func Handler(src Source) http.Handler {
	s := server{src}
	return paths{
		"/version":                           {"GET": answer(s.version)},
		"/devices":                           {"GET": answer(s.devices)},
		"/devices/{hba}/{name}":              {"GET": answer(s.device)},
		"/devices/{hba}/{name}/wait":         {"GET": patient(answer(s.wait))},
		"/devices/{hba}/{name}/reservations": {"GET": s.engine(reservations)},
		"/devices/{hba}/{name}/access":       {"GET": s.engine(access), "PUT": patient(s.engine(setAccess))},
		"/health":                            {"GET": answer(s.health)},
		"/log-level":                         {"GET": answer(s.logLevel), "PUT": answer(s.setLogLevel)},
		"/replace":                           {"POST": answer(s.replace)},
		"/metrics":                           {"GET": metricsHandler(src)},
	}.mux()
}

// PublicHandler answers what may be asked over a network: GET /metrics and GET /health.
func PublicHandler(src Source) http.Handler {
	return paths{
		"/health":  {"GET": answer(server{src}.health)},
		"/metrics": {"GET": metricsHandler(src)},
	}.mux()
}

// mux finds the handler of a request. What it does not find is answered in JSON too.
func (p paths) mux() http.Handler {
	m := http.NewServeMux()
	for path, methods := range p {
		for method, h := range methods {
			m.Handle(method+" "+path, h)
		}
		allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
		m.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			answer(func(*http.Request) (int, any) {
				return refuse(http.StatusMethodNotAllowed, "%s takes no %s, only %s", r.URL.Path, r.Method, allow)
			}).ServeHTTP(w, r)
		})
	}
	m.Handle("/", answer(func(r *http.Request) (int, any) {
		return refuse(http.StatusNotFound, "there is no %s", r.URL.Path)
	}))
	return m
}

// answer is a handler that says the status and the body of its answer.
type answer func(*http.Request) (status int, body any)

func (a answer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, body := a(r)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The only error there can be is that the client has gone.
	_ = json.NewEncoder(w).Encode(body)
}

// patient lets a handler take its time: the server's bounds would end its context, or its answer.
func patient(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		// The only error there can be is that the connection has gone, and with it goes r's context.
		_, _ = c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})
		h.ServeHTTP(w, r)
	})
}

type version struct {
	Version string `json:"version"`
}

type failure struct {
	Error string `json:"error"`
}

func refuse(status int, format string, args ...any) (int, any) {
	return status, failure{fmt.Sprintf(format, args...)}
}

// server answers from a Source.
type server struct{ src Source }

func (s server) version(*http.Request) (int, any) { return http.StatusOK, version{s.src.Version()} }

func (s server) devices(*http.Request) (int, any) {
	return http.StatusOK, append([]Device{}, s.src.Devices()...) // an empty list, not null
}

func (s server) device(r *http.Request) (int, any) {
	for _, d := range s.src.Devices() {
		if strconv.Itoa(d.HBA) == r.PathValue("hba") && d.Name == r.PathValue("name") {
			return http.StatusOK, d
		}
	}
	return refuse(http.StatusNotFound, "tcmud has no device user_%s/%s", r.PathValue("hba"), r.PathValue("name"))
}

func (s server) wait(r *http.Request) (int, any) {
	hba, err := strconv.Atoi(r.PathValue("hba"))
	if err != nil {
		return refuse(http.StatusBadRequest, "the number of the HBA is no number")
	}
	d, err := s.src.Wait(r.Context(), hba, r.PathValue("name"))
	if err != nil {
		return refuse(http.StatusServiceUnavailable, "%v", err)
	}
	return http.StatusOK, d
}

func (s server) health(*http.Request) (int, any) {
	devices := s.src.Devices()
	h := Health{Status: OK, Started: s.src.Started(), Ready: s.src.Ready(), Devices: len(devices), Failed: []Failure{}}
	status := http.StatusOK
	for _, d := range devices {
		switch d.State {
		case Attaching:
			h.Attaching++
		case Failed:
			h.Status, status = Degraded, http.StatusServiceUnavailable
			h.Failed = append(h.Failed, Failure{d.HBA, d.Name, d.Error})
		}
	}
	return status, h
}

func (s server) logLevel(*http.Request) (int, any) {
	return http.StatusOK, LogLevel{s.src.LogLevel().Level()}
}

func (s server) setLogLevel(r *http.Request) (int, any) {
	var asked struct{ Level string }
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return refuse(http.StatusBadRequest, `the body is not like {"level": "INFO"}: %v`, err)
	}
	level, err := ParseLevel(asked.Level)
	if err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	s.src.LogLevel().Set(level)
	return s.logLevel(r)
}

func (s server) replace(r *http.Request) (int, any) {
	var p Program
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		return refuse(http.StatusBadRequest, `the body is not like {"path": "/usr/sbin/tcmud", "arguments": []}: %v`, err)
	}
	if err := s.src.Replace(p); err != nil {
		return refuse(http.StatusConflict, "%v", err)
	}
	return http.StatusOK, p
}

// LogLevel is the least that gets into the daemon's log.
type LogLevel struct {
	Level slog.Level `json:"level"`
}

// ParseLevel reads a log level, in capitals or not.
func ParseLevel(text string) (slog.Level, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return 0, fmt.Errorf("%q is no log level: give DEBUG, INFO, WARN or ERROR", text)
	}
	return level, nil
}
