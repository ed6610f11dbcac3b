package daemon

import (
	"strings"

	"github.com/tcmud/tcmud/backend"
)

// ours reports whether a device with this configuration string is for us to serve.
func (d *Daemon) ours(config string) bool { return strings.HasPrefix(config, backend.Prefix) }
